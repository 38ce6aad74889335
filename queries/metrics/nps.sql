-- name: nps
-- title: Net promoter score
-- description: 100 times the share of promoters (9-10) less that of detractors (0-6) among the answers that stand.
-- owner: product
-- unit: score
-- better: up
-- value: nps(promoters, passives, detractors)
-- interval: nps(promoters, passives, detractors)
-- n: n
-- statistics: promoters, passives, detractors
-- fill: promoters, passives, detractors
-- by: plan, platform, country, app_version, locale, product, source, survey_id, question_id
-- report: weekly
SELECT d.period /*by:s*/,
  count(*) FILTER (WHERE s.score >= 9) AS promoters,
  count(*) FILTER (WHERE s.score >= 7 AND s.score < 9) AS passives,
  count(*) FILTER (WHERE s.score < 7) AS detractors,
  count(*) AS n
FROM surveys_current AS s
JOIN days AS d ON d.dt = s.dt AND s.occurred_at >= d.starts AND s.occurred_at < d.ends
WHERE s.dt >= :dt_from AND s.dt <= :dt_to AND s.kind = 'nps' AND s.score IS NOT NULL AND NOT s.excluded_person
GROUP BY d.period /*by:s*/
