-- name: stickiness
-- title: Stickiness
-- description: Mean over the period's days of the day's active users, as a share of the period's active users.
-- owner: product
-- unit: ratio
-- better: up
-- value: daily_share(daily_sum, days, users)
-- interval: none
-- n: users
-- statistics: daily_sum, days, users
-- fill: daily_sum, days, users
-- by: plan, platform, country, app_version, locale, product, source
-- report: weekly
WITH active AS (
  SELECT d.period, d.day, e.person_key /*by:e*/
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period, d.day, e.person_key /*by:e*/
),
lengths AS (SELECT period, count(DISTINCT day) AS days FROM days GROUP BY period),
sums AS (
  SELECT a.period /*by:a*/, count(*) AS daily_sum, count(DISTINCT a.person_key) AS users
  FROM active AS a
  GROUP BY a.period /*by:a*/
)
SELECT s.period /*by:s*/, s.daily_sum, l.days, s.users, s.users AS n
FROM sums AS s
JOIN lengths AS l ON l.period = s.period
