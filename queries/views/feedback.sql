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
WHERE text IS NOT NULL
