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
WHERE place = 1
