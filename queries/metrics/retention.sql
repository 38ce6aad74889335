-- name: retention
-- title: Retention
-- description: People whose first active event ever falls in the period, by how many were active again in the k-th period after it.
-- owner: product
-- unit: ratio
-- better: up
-- value: ratio(retained, n)
-- interval: wilson(retained, n)
-- n: n
-- statistics: offset, retained
-- labels: offset
-- by: plan, platform, country, app_version, locale, product, source
-- report: weekly
WITH firsts AS (
  SELECT x.person_key, x.dt, x.occurred_at /*by:x*/
  FROM (
    SELECT e.person_key, e.dt, e.occurred_at /*by:e*/,
      row_number() OVER (PARTITION BY e.person_key ORDER BY e.occurred_at, e.event_id, e.source) AS place
    FROM active_events AS e
    WHERE e.dt <= :dt_to
  ) AS x
  WHERE x.place = 1
),
cohorts AS (
  SELECT d.period, f.person_key /*by:f*/
  FROM firsts AS f
  JOIN days AS d ON d.dt = f.dt AND f.occurred_at >= d.starts AND f.occurred_at < d.ends
),
sizes AS (SELECT period /*by*/, count(*) AS n FROM cohorts GROUP BY period /*by*/),
activity AS (
  SELECT d.period, e.person_key
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period, e.person_key
),
returns AS (
  SELECT c.period, a.period AS active_period /*by:c*/, count(*) AS retained
  FROM cohorts AS c
  JOIN activity AS a ON a.person_key = c.person_key
  GROUP BY c.period, a.period /*by:c*/
)
SELECT s.period /*by:s*/, o.seq - p.seq AS "offset", coalesce(r.retained, 0) AS retained, s.n
FROM sizes AS s
JOIN periods AS p ON p.period = s.period
JOIN periods AS o ON o.seq >= p.seq AND o.ended
LEFT JOIN returns AS r ON r.period = s.period AND r.active_period = o.period /*on:r:s*/
