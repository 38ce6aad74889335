-- Written by make docs; do not edit.
-- The views; only these promise no duplicates. Athena takes one statement at a time.

CREATE OR REPLACE VIEW tickets_rows AS
-- Each record of tickets once, whichever file it is in: of the rows of a day with
-- one (source, event_id) the first by (received_at, delivery_id, delivery_seq)
-- stands. Where the time of a record was corrected, its repetitions may lie on
-- other days: of those ids, and of no others, all days are compared.
WITH moved AS (
  SELECT a.source, a.event_id, a.dt,
    row_number() OVER (PARTITION BY a.source, a.event_id
      ORDER BY a.received_at, a.delivery_id, a.delivery_seq, a.dt) AS place
  FROM tickets_all AS a
  JOIN (SELECT DISTINCT source, event_id FROM tickets_all WHERE time_adjusted) AS j
    ON j.source = a.source AND j.event_id = a.event_id
)
SELECT
  d.event_id, d.source, d.occurred_at, d.received_at, d.time_adjusted, d.delivery_id,
  d.delivery_seq, d.excluded, d.user_key, d.anonymous_key, d.email_key, d.account_key, d.plan,
  d.locale, d.country, d.platform, d.app_version, d.product,
  d.ticket_id, d.change, d.author_role, d.public, d.subject, d.status, d.priority, d.channel,
  d.tags, d.team, d.assignee_key, d.text, d.redactions, d.language, d.sentiment,
  d.sentiment_label, d.confidence, d.intent, d.themes, d.mention_sentences,
  d.mention_sentiments, d.mention_intents, d.keyphrases, d.enrich_version,
  d.dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, source, event_id
      ORDER BY received_at, delivery_id, delivery_seq, tier) AS place
  FROM tickets_all
) AS d
LEFT JOIN moved AS s ON s.source = d.source AND s.event_id = d.event_id AND s.place = 1
WHERE d.place = 1 AND (s.dt IS NULL OR s.dt = d.dt);

CREATE OR REPLACE VIEW surveys_rows AS
-- Each record of surveys once, whichever file it is in: of the rows of a day with
-- one (source, event_id) the first by (received_at, delivery_id, delivery_seq)
-- stands. Where the time of a record was corrected, its repetitions may lie on
-- other days: of those ids, and of no others, all days are compared.
WITH moved AS (
  SELECT a.source, a.event_id, a.dt,
    row_number() OVER (PARTITION BY a.source, a.event_id
      ORDER BY a.received_at, a.delivery_id, a.delivery_seq, a.dt) AS place
  FROM surveys_all AS a
  JOIN (SELECT DISTINCT source, event_id FROM surveys_all WHERE time_adjusted) AS j
    ON j.source = a.source AND j.event_id = a.event_id
)
SELECT
  d.event_id, d.source, d.occurred_at, d.received_at, d.time_adjusted, d.delivery_id,
  d.delivery_seq, d.excluded, d.user_key, d.anonymous_key, d.email_key, d.account_key, d.plan,
  d.locale, d.country, d.platform, d.app_version, d.product,
  d.response_id, d.survey_id, d.question_id, d.kind, d.score, d.scale_min, d.scale_max,
  d.choice, d.ticket_id, d.text, d.redactions, d.language, d.sentiment, d.sentiment_label,
  d.confidence, d.intent, d.themes, d.mention_sentences, d.mention_sentiments,
  d.mention_intents, d.keyphrases, d.enrich_version,
  d.dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, source, event_id
      ORDER BY received_at, delivery_id, delivery_seq, tier) AS place
  FROM surveys_all
) AS d
LEFT JOIN moved AS s ON s.source = d.source AND s.event_id = d.event_id AND s.place = 1
WHERE d.place = 1 AND (s.dt IS NULL OR s.dt = d.dt);

CREATE OR REPLACE VIEW events_rows AS
-- Each record of events once, whichever file it is in: of the rows of a day with
-- one (source, event_id) the first by (received_at, delivery_id, delivery_seq)
-- stands. Where the time of a record was corrected, its repetitions may lie on
-- other days: of those ids, and of no others, all days are compared.
WITH moved AS (
  SELECT a.source, a.event_id, a.dt,
    row_number() OVER (PARTITION BY a.source, a.event_id
      ORDER BY a.received_at, a.delivery_id, a.delivery_seq, a.dt) AS place
  FROM events_all AS a
  JOIN (SELECT DISTINCT source, event_id FROM events_all WHERE time_adjusted) AS j
    ON j.source = a.source AND j.event_id = a.event_id
)
SELECT
  d.event_id, d.source, d.occurred_at, d.received_at, d.time_adjusted, d.delivery_id,
  d.delivery_seq, d.excluded, d.user_key, d.anonymous_key, d.email_key, d.account_key, d.plan,
  d.locale, d.country, d.platform, d.app_version, d.product,
  d.kind, d.name, d.session_id, d.revenue, d.currency, d.duration_ms, d.properties, d.traits,
  d.dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, source, event_id
      ORDER BY received_at, delivery_id, delivery_seq, tier) AS place
  FROM events_all
) AS d
LEFT JOIN moved AS s ON s.source = d.source AND s.event_id = d.event_id AND s.place = 1
WHERE d.place = 1 AND (s.dt IS NULL OR s.dt = d.dt);

CREATE OR REPLACE VIEW releases_rows AS
-- Each record of releases once, whichever file it is in: of the rows of a day with
-- one (source, event_id) the first by (received_at, delivery_id, delivery_seq)
-- stands. Where the time of a record was corrected, its repetitions may lie on
-- other days: of those ids, and of no others, all days are compared.
WITH moved AS (
  SELECT a.source, a.event_id, a.dt,
    row_number() OVER (PARTITION BY a.source, a.event_id
      ORDER BY a.received_at, a.delivery_id, a.delivery_seq, a.dt) AS place
  FROM releases_all AS a
  JOIN (SELECT DISTINCT source, event_id FROM releases_all WHERE time_adjusted) AS j
    ON j.source = a.source AND j.event_id = a.event_id
)
SELECT
  d.event_id, d.source, d.occurred_at, d.received_at, d.time_adjusted, d.delivery_id,
  d.delivery_seq, d.excluded, d.user_key, d.anonymous_key, d.email_key, d.account_key, d.plan,
  d.locale, d.country, d.platform, d.app_version, d.product,
  d.kind, d.ref, d.version, d.environment, d.service, d.title, d.url, d.status, d.severity,
  d.rollout_percent, d.started_at, d.ended_at,
  d.dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, source, event_id
      ORDER BY received_at, delivery_id, delivery_seq, tier) AS place
  FROM releases_all
) AS d
LEFT JOIN moved AS s ON s.source = d.source AND s.event_id = d.event_id AND s.place = 1
WHERE d.place = 1 AND (s.dt IS NULL OR s.dt = d.dt);

CREATE OR REPLACE VIEW rejects_rows AS
-- Each reject once: processing a delivery again gives the same row again.
SELECT source, "table", received_at, delivery_id, item, reason, archive_object, archive_line, dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, delivery_id, item, reason
      ORDER BY received_at, archive_object, archive_line, tier) AS place
  FROM rejects_all
) AS d
WHERE place = 1;

CREATE OR REPLACE VIEW ledger_rows AS
-- Each receipt once: processing a delivery again gives the same row again.
SELECT delivery_id, item, source, "table", received_at, outcome, event_key, dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, delivery_id, item
      ORDER BY received_at, outcome, coalesce("table", ''), event_key, tier) AS place
  FROM ledger_all
) AS d
WHERE place = 1;

CREATE OR REPLACE VIEW identities AS
-- Who is who: one row per e-mail key and anonymous key that was ever seen
-- together with a user key. The earliest record that carries both decides.
SELECT key, key_kind, user_key, occurred_at, event_id
FROM (
  SELECT key, key_kind, user_key, occurred_at, event_id,
    row_number() OVER (PARTITION BY key_kind, key ORDER BY occurred_at, event_id, source, user_key) AS place
  FROM (
    SELECT CASE k.key_kind WHEN 'email' THEN l.email_key ELSE l.anonymous_key END AS key,
      k.key_kind, l.user_key, l.occurred_at, l.event_id, l.source
    FROM links_all AS l
    CROSS JOIN (VALUES ('email'), ('anonymous')) AS k(key_kind)
    WHERE l.user_key IS NOT NULL
  ) AS pairs
  WHERE key IS NOT NULL
) AS ranked
WHERE place = 1;

CREATE OR REPLACE VIEW excluded_people AS
-- The people whom no metric counts: anybody of whom one record, at any time,
-- carried an excluded e-mail domain or user id.
SELECT DISTINCT person_key
FROM (
  SELECT coalesce(l.user_key, m.user_key, a.user_key, l.email_key, l.anonymous_key) AS person_key
  FROM links_all AS l
  LEFT JOIN identities AS m ON m.key_kind = 'email' AND m.key = l.email_key
  LEFT JOIN identities AS a ON a.key_kind = 'anonymous' AND a.key = l.anonymous_key
  WHERE l.excluded
) AS people
WHERE person_key IS NOT NULL;

CREATE OR REPLACE VIEW events AS
-- Every usage event once, with the person behind it.
-- person_key: the user; else the user linked to the e-mail, else to the
-- anonymous id; else these themselves. excluded_person: counts in no metric.
-- The joins are asked only for rows without a user key of their own.
SELECT
  r.event_id, r.source, r.occurred_at, r.received_at, r.time_adjusted, r.delivery_id,
  r.delivery_seq, r.user_key, r.anonymous_key, r.email_key, r.account_key, r.plan, r.locale,
  r.country, r.platform, r.app_version, r.product,
  r.kind, r.name, r.session_id, r.revenue, r.currency, r.duration_ms, r.properties, r.traits,
  r.dt, r.person_key,
  (r.excluded OR p.person_key IS NOT NULL) AS excluded_person
FROM (
  SELECT e.*, coalesce(e.user_key, m.user_key, a.user_key, e.email_key, e.anonymous_key) AS person_key
  FROM events_rows AS e
  LEFT JOIN identities AS m
    ON m.key_kind = 'email' AND m.key = CASE WHEN e.user_key IS NULL THEN e.email_key END
  LEFT JOIN identities AS a
    ON a.key_kind = 'anonymous' AND a.key = CASE WHEN e.user_key IS NULL THEN e.anonymous_key END
) AS r
LEFT JOIN excluded_people AS p ON p.person_key = r.person_key;

CREATE OR REPLACE VIEW releases AS
-- Every release, deploy, rollback, flag step, experiment start or stop, and incident once.
-- person_key: the user; else the user linked to the e-mail, else to the
-- anonymous id; else these themselves. excluded_person: counts in no metric.
-- The joins are asked only for rows without a user key of their own.
SELECT
  r.event_id, r.source, r.occurred_at, r.received_at, r.time_adjusted, r.delivery_id,
  r.delivery_seq, r.user_key, r.anonymous_key, r.email_key, r.account_key, r.plan, r.locale,
  r.country, r.platform, r.app_version, r.product,
  r.kind, r.ref, r.version, r.environment, r.service, r.title, r.url, r.status, r.severity,
  r.rollout_percent, r.started_at, r.ended_at,
  r.dt, r.person_key,
  (r.excluded OR p.person_key IS NOT NULL) AS excluded_person
FROM (
  SELECT e.*, coalesce(e.user_key, m.user_key, a.user_key, e.email_key, e.anonymous_key) AS person_key
  FROM releases_rows AS e
  LEFT JOIN identities AS m
    ON m.key_kind = 'email' AND m.key = CASE WHEN e.user_key IS NULL THEN e.email_key END
  LEFT JOIN identities AS a
    ON a.key_kind = 'anonymous' AND a.key = CASE WHEN e.user_key IS NULL THEN e.anonymous_key END
) AS r
LEFT JOIN excluded_people AS p ON p.person_key = r.person_key;

CREATE OR REPLACE VIEW surveys AS
-- Every answer record once, corrected ones included; surveys_current has what stands.
-- person_key: the user; else the user linked to the e-mail, else to the
-- anonymous id; else these themselves. excluded_person: counts in no metric.
-- The joins are asked only for rows without a user key of their own.
SELECT
  r.event_id, r.source, r.occurred_at, r.received_at, r.time_adjusted, r.delivery_id,
  r.delivery_seq, r.user_key, r.anonymous_key, r.email_key, r.account_key, r.plan, r.locale,
  r.country, r.platform, r.app_version, r.product,
  r.response_id, r.survey_id, r.question_id, r.kind, r.score, r.scale_min, r.scale_max,
  r.choice, r.ticket_id, r.text, r.redactions, r.language, r.sentiment, r.sentiment_label,
  r.confidence, r.intent, r.themes, r.mention_sentences, r.mention_sentiments,
  r.mention_intents, r.keyphrases, r.enrich_version,
  r.dt, r.person_key,
  (r.excluded OR p.person_key IS NOT NULL) AS excluded_person
FROM (
  SELECT e.*, coalesce(e.user_key, m.user_key, a.user_key, e.email_key, e.anonymous_key) AS person_key
  FROM surveys_rows AS e
  LEFT JOIN identities AS m
    ON m.key_kind = 'email' AND m.key = CASE WHEN e.user_key IS NULL THEN e.email_key END
  LEFT JOIN identities AS a
    ON a.key_kind = 'anonymous' AND a.key = CASE WHEN e.user_key IS NULL THEN e.anonymous_key END
) AS r
LEFT JOIN excluded_people AS p ON p.person_key = r.person_key;

CREATE OR REPLACE VIEW tickets AS
-- Every change to a ticket once; tickets_current has one row per ticket.
-- person_key: the user; else the user linked to the e-mail, else to the
-- anonymous id; else these themselves. excluded_person: counts in no metric.
-- The joins are asked only for rows without a user key of their own.
SELECT
  r.event_id, r.source, r.occurred_at, r.received_at, r.time_adjusted, r.delivery_id,
  r.delivery_seq, r.user_key, r.anonymous_key, r.email_key, r.account_key, r.plan, r.locale,
  r.country, r.platform, r.app_version, r.product,
  r.ticket_id, r.change, r.author_role, r.public, r.subject, r.status, r.priority, r.channel,
  r.tags, r.team, r.assignee_key, r.text, r.redactions, r.language, r.sentiment,
  r.sentiment_label, r.confidence, r.intent, r.themes, r.mention_sentences,
  r.mention_sentiments, r.mention_intents, r.keyphrases, r.enrich_version,
  r.dt, r.person_key,
  (r.excluded OR p.person_key IS NOT NULL) AS excluded_person
FROM (
  SELECT e.*, coalesce(e.user_key, m.user_key, a.user_key, e.email_key, e.anonymous_key) AS person_key
  FROM tickets_rows AS e
  LEFT JOIN identities AS m
    ON m.key_kind = 'email' AND m.key = CASE WHEN e.user_key IS NULL THEN e.email_key END
  LEFT JOIN identities AS a
    ON a.key_kind = 'anonymous' AND a.key = CASE WHEN e.user_key IS NULL THEN e.anonymous_key END
) AS r
LEFT JOIN excluded_people AS p ON p.person_key = r.person_key;

CREATE OR REPLACE VIEW surveys_current AS
-- What stands: of the answers to one question of one response the latest. A
-- bound on dt reads all files here, because a later answer takes the place of
-- an earlier one on whatever day it came.
SELECT
  event_id, source, occurred_at, received_at, time_adjusted, delivery_id, delivery_seq,
  user_key, anonymous_key, email_key, account_key, plan, locale, country, platform, app_version,
  product,
  response_id, survey_id, question_id, kind, score, scale_min, scale_max, choice, ticket_id, text,
  redactions, language, sentiment, sentiment_label, confidence, intent, themes,
  mention_sentences, mention_sentiments, mention_intents, keyphrases, enrich_version,
  dt, person_key, excluded_person
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY source, response_id, question_id
      ORDER BY occurred_at DESC, event_id DESC) AS place
  FROM surveys
) AS s
WHERE place = 1;

CREATE OR REPLACE VIEW tickets_current AS
-- One row per ticket with what is known of it last. dt is the day of its
-- creation: its first record with change created, or its first record when
-- none came. gone: deleted, merged or spam, and not brought back since by a
-- new creation or a change into an open status. The person is the first one
-- known among those who are no agent, bot or system, else the first one known.
-- A bound on dt reads all files: the latest state may be of any later day.
SELECT
  source, ticket_id, created_at, CAST(created_at AS date) AS dt, created_event_id,
  person_key, coalesce(excluded_person, FALSE) AS excluded_person, account_key,
  subject, status, priority, channel, team, tags,
  plan, locale, country, platform, app_version, product,
  (gone_at IS NOT NULL AND coalesce(back_at, 0) < gone_at) AS gone
FROM (
  SELECT source, ticket_id,
    coalesce(min(occurred_at) FILTER (WHERE change = 'created'), min(occurred_at)) AS created_at,
    coalesce(min_by(event_id, place) FILTER (WHERE change = 'created'), min_by(event_id, place)) AS created_event_id,
    coalesce(min_by(person_key, place) FILTER (WHERE person_key IS NOT NULL AND outside),
      min_by(person_key, place) FILTER (WHERE person_key IS NOT NULL)) AS person_key,
    coalesce(min_by(excluded_person, place) FILTER (WHERE person_key IS NOT NULL AND outside),
      min_by(excluded_person, place) FILTER (WHERE person_key IS NOT NULL)) AS excluded_person,
    max_by(account_key, place) FILTER (WHERE account_key IS NOT NULL) AS account_key,
    max_by(subject, place) FILTER (WHERE subject IS NOT NULL) AS subject,
    max_by(status, place) FILTER (WHERE status IS NOT NULL) AS status,
    max_by(priority, place) FILTER (WHERE priority IS NOT NULL) AS priority,
    max_by(channel, place) FILTER (WHERE channel IS NOT NULL) AS channel,
    max_by(team, place) FILTER (WHERE team IS NOT NULL) AS team,
    max_by(tags, place) FILTER (WHERE change = 'tagged' OR cardinality(tags) > 0) AS tags,
    max_by(plan, place) FILTER (WHERE plan IS NOT NULL) AS plan,
    max_by(locale, place) FILTER (WHERE locale IS NOT NULL) AS locale,
    max_by(country, place) FILTER (WHERE country IS NOT NULL) AS country,
    max_by(platform, place) FILTER (WHERE platform IS NOT NULL) AS platform,
    max_by(app_version, place) FILTER (WHERE app_version IS NOT NULL) AS app_version,
    max_by(product, place) FILTER (WHERE product IS NOT NULL) AS product,
    max(place) FILTER (WHERE change IN ('deleted', 'merged', 'spam')) AS gone_at,
    max(place) FILTER (WHERE change = 'created'
      OR change = 'status' AND status IN ('new', 'open', 'pending', 'hold')) AS back_at
  FROM (
    SELECT *,
      coalesce(author_role, 'customer') NOT IN ('agent', 'bot', 'system') AS outside,
      row_number() OVER (PARTITION BY source, ticket_id ORDER BY occurred_at, event_id) AS place
    FROM tickets
  ) AS changes
  GROUP BY source, ticket_id
) AS t;

CREATE OR REPLACE VIEW feedback AS
-- Everything that was said, one row per item: the creation of each ticket that
-- is not gone, each public comment of a customer on it, and each survey answer
-- that stands and has text. A ticket's items have the ticket's latest
-- dimensions. The person of a creation is the ticket's, whoever typed it; of a
-- comment the one who wrote it, where that is known. The lists themes and
-- mention_* are parallel; mentions has them unfolded.
SELECT
  'tickets' AS feedback, r.event_id, r.source, r.occurred_at, r.dt,
  CASE WHEN r.event_id = t.created_event_id THEN t.person_key
    ELSE coalesce(r.person_key, t.person_key) END AS person_key,
  CASE WHEN r.event_id = t.created_event_id OR r.person_key IS NULL THEN t.excluded_person
    ELSE r.excluded_person END AS excluded_person,
  t.plan, t.locale, t.country, t.platform, t.app_version, t.product,
  t.channel, t.priority, t.ticket_id,
  CAST(NULL AS varchar) AS survey_id, CAST(NULL AS varchar) AS response_id,
  CAST(NULL AS varchar) AS kind, CAST(NULL AS double) AS score,
  r.text, r.language, r.sentiment, r.sentiment_label, r.confidence, r.intent,
  r.themes, r.mention_sentences, r.mention_sentiments, r.mention_intents, r.keyphrases
FROM tickets AS r
JOIN tickets_current AS t ON t.source = r.source AND t.ticket_id = r.ticket_id
WHERE NOT t.gone
  AND (r.event_id = t.created_event_id
    OR r.change = 'commented' AND r.public AND r.author_role = 'customer')
UNION ALL
SELECT
  'surveys' AS feedback, event_id, source, occurred_at, dt,
  person_key, excluded_person,
  plan, locale, country, platform, app_version, product,
  CAST(NULL AS varchar) AS channel, CAST(NULL AS varchar) AS priority, ticket_id,
  survey_id, response_id, kind, score,
  text, language, sentiment, sentiment_label, confidence, intent,
  themes, mention_sentences, mention_sentiments, mention_intents, keyphrases
FROM surveys_current
WHERE text IS NOT NULL;

CREATE OR REPLACE VIEW mentions AS
-- One row per theme in one item of feedback, with the sentence it stands in.
-- mention_sentiment and mention_intent are those of that sentence;
-- mention_sentiment is null where the item was not scored.
SELECT
  f.feedback, f.event_id, f.source, f.occurred_at, f.dt, f.person_key, f.excluded_person,
  f.plan, f.locale, f.country, f.platform, f.app_version, f.product,
  f.channel, f.priority, f.ticket_id, f.survey_id, f.response_id, f.kind, f.score,
  f.text, f.language, f.sentiment, f.sentiment_label, f.confidence, f.intent,
  t.theme_id,
  element_at(f.mention_sentences, t.i) AS sentence,
  CASE WHEN f.sentiment IS NOT NULL THEN element_at(f.mention_sentiments, t.i) END AS mention_sentiment,
  element_at(f.mention_intents, t.i) AS mention_intent
FROM feedback AS f
CROSS JOIN UNNEST(f.themes) WITH ORDINALITY AS t(theme_id, i);

CREATE OR REPLACE VIEW rejects AS
-- What could not be understood: one payload, or one item of it, a row. The
-- payload itself is in the archive at archive_object, line archive_line.
SELECT
  source, "table" AS table_name, date_trunc('hour', received_at) AS hour, dt,
  received_at, delivery_id, item, reason, archive_object, archive_line
FROM rejects_rows;

CREATE OR REPLACE VIEW ledger AS
-- The account of all that came in, in input records by hour of reception:
-- received = stored + duplicate + rejected + ignored. Of the receipts of one
-- record the first was stored, on whatever day; the rest are duplicates. A
-- bound on dt reads all files for that reason.
SELECT
  source, table_name, date_trunc('hour', received_at) AS hour, dt,
  count(*) AS received,
  count(*) FILTER (WHERE outcome = 'record' AND place = 1) AS stored,
  count(*) FILTER (WHERE outcome = 'record' AND place > 1) AS duplicate,
  count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
  count(*) FILTER (WHERE outcome = 'ignored') AS ignored
FROM (
  SELECT source, "table" AS table_name, received_at, dt, outcome,
    row_number() OVER (PARTITION BY outcome, event_key ORDER BY received_at, delivery_id, item) AS place
  FROM ledger_rows
) AS receipts
GROUP BY source, table_name, date_trunc('hour', received_at), dt;
