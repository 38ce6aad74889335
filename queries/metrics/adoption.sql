-- name: adoption
-- title: Feature adoption
-- description: People who used a feature among the period's active users; first_users are those of them whose first use ever falls in the period.
-- owner: product
-- unit: ratio
-- better: up
-- value: ratio(users, active)
-- interval: wilson(users, active)
-- n: active
-- statistics: feature, users, active, first_users
-- labels: feature
-- fill: users, active, first_users
-- by: plan, platform, country, app_version, locale, product, source
-- report: weekly
WITH active AS (
  SELECT d.period, e.person_key /*by:e*/
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period, e.person_key /*by:e*/
),
totals AS (SELECT period /*by*/, count(*) AS active FROM active GROUP BY period /*by*/),
used AS (
  SELECT d.period, f.feature, f.person_key /*by:f*/
  FROM feature_events AS f
  JOIN days AS d ON d.dt = f.dt AND f.occurred_at >= d.starts AND f.occurred_at < d.ends
  WHERE f.dt >= :dt_from AND f.dt <= :dt_to
  GROUP BY d.period, f.feature, f.person_key /*by:f*/
),
first_use AS (
  SELECT feature, person_key, min(occurred_at) AS first_at
  FROM feature_events
  WHERE dt <= :dt_to
  GROUP BY feature, person_key
),
uses AS (
  SELECT u.period, u.feature /*by:u*/, count(*) AS users,
    count(*) FILTER (WHERE x.first_at >= p.starts AND x.first_at < p.ends) AS first_users
  FROM used AS u
  JOIN active AS a ON a.period = u.period AND a.person_key = u.person_key /*on:a:u*/
  JOIN first_use AS x ON x.feature = u.feature AND x.person_key = u.person_key
  JOIN periods AS p ON p.period = u.period
  GROUP BY u.period, u.feature /*by:u*/
)
SELECT t.period, c.feature /*by:t*/,
  coalesce(u.users, 0) AS users, t.active, coalesce(u.first_users, 0) AS first_users, t.active AS n
FROM totals AS t
CROSS JOIN features AS c
LEFT JOIN uses AS u ON u.period = t.period AND u.feature = c.feature /*on:u:t*/
