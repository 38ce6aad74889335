-- name: csat
-- title: CSAT
-- description: Share of answers with one of the two best points of their own scale, of the best point where the scale has fewer than four.
-- owner: support
-- unit: ratio
-- better: up
-- value: ratio(good, n)
-- interval: wilson(good, n)
-- n: n
-- statistics: good
-- fill: good
-- by: plan, platform, country, app_version, locale, product, source, survey_id, question_id
-- report: weekly
-- target: 0.90
-- alert: below 0.80 for 2 periods; severity warn
SELECT d.period /*by:s*/,
  count(*) FILTER (WHERE s.score >= s.scale_max - CASE WHEN s.scale_max - s.scale_min >= 3 THEN 1 ELSE 0 END) AS good,
  count(*) AS n
FROM surveys_current AS s
JOIN days AS d ON d.dt = s.dt AND s.occurred_at >= d.starts AND s.occurred_at < d.ends
WHERE s.dt >= :dt_from AND s.dt <= :dt_to AND s.kind = 'csat' AND NOT s.excluded_person
  AND s.score IS NOT NULL AND s.scale_min IS NOT NULL AND s.scale_max IS NOT NULL
GROUP BY d.period /*by:s*/
