-- name: sentiment
-- title: Sentiment
-- description: Mean sentiment, from -1 to 1, of what people said: creations of tickets, public comments of customers, survey answers with text.
-- owner: product
-- unit: mean
-- better: up
-- value: mean(sum, n)
-- interval: mean_t(n, sum, sum_sq)
-- n: n
-- statistics: negative, neutral, positive, unscored, sum, sum_sq
-- fill: negative, neutral, positive, unscored, sum, sum_sq
-- by: feedback, plan, platform, country, app_version, locale, product, source, channel, priority, survey_id
-- report: weekly
SELECT d.period /*by:f*/,
  count(*) FILTER (WHERE f.sentiment_label = 'negative') AS negative,
  count(*) FILTER (WHERE f.sentiment_label = 'neutral') AS neutral,
  count(*) FILTER (WHERE f.sentiment_label = 'positive') AS positive,
  count(*) FILTER (WHERE f.sentiment IS NULL) AS unscored,
  round(coalesce(sum(f.sentiment), 0e0), 9) AS sum,
  round(coalesce(sum(f.sentiment * f.sentiment), 0e0), 9) AS sum_sq,
  count(f.sentiment) AS n
FROM feedback AS f
JOIN days AS d ON d.dt = f.dt AND f.occurred_at >= d.starts AND f.occurred_at < d.ends
WHERE f.dt >= :dt_from AND f.dt <= :dt_to AND NOT f.excluded_person
GROUP BY d.period /*by:f*/
