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
CROSS JOIN UNNEST(f.themes) WITH ORDINALITY AS t(theme_id, i)
