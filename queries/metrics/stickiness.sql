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
WITH daily AS (
  SELECT d.period, d.day /*by:e*/, count(DISTINCT e.person_key) AS active
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period, d.day /*by:e*/
),
sums AS (
  SELECT period /*by*/, CAST(sum(active) AS bigint) AS daily_sum
  FROM daily
  GROUP BY period /*by*/
),
whole AS (
  SELECT d.period /*by:e*/, count(DISTINCT e.person_key) AS users
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period /*by:e*/
),
lengths AS (SELECT period, count(DISTINCT day) AS days FROM days GROUP BY period)
SELECT w.period /*by:w*/, s.daily_sum, l.days, w.users, w.users AS n
FROM whole AS w
JOIN sums AS s ON s.period = w.period /*on:s:w*/
JOIN lengths AS l ON l.period = w.period
