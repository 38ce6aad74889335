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
) AS t
