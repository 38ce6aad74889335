-- name: active_users
-- title: Active users
-- description: Distinct people with an active event in the period.
-- owner: product
-- unit: count
-- better: up
-- value: stat(users)
-- interval: none
-- n: users
-- statistics: users, events
-- fill: users, events
-- by: plan, platform, country, app_version, locale, product, source
-- report: weekly
SELECT d.period /*by:e*/,
  count(DISTINCT e.person_key) AS users,
  count(*) AS events,
  count(DISTINCT e.person_key) AS n
FROM active_events AS e
JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
WHERE e.dt >= :dt_from AND e.dt <= :dt_to
GROUP BY d.period /*by:e*/
