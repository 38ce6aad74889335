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
  SELECT x.person_key, x.occurred_at /*by:x*/
  FROM (
    SELECT e.person_key, e.occurred_at /*by:e*/,
      row_number() OVER (PARTITION BY e.person_key ORDER BY e.occurred_at, e.event_id) AS place
    FROM active_events AS e
    WHERE e.dt <= :dt_to
  ) AS x
  WHERE x.place = 1
),
cohorts AS (
  SELECT p.period, p.seq, f.person_key /*by:f*/
  FROM firsts AS f
  JOIN periods AS p ON f.occurred_at >= p.starts AND f.occurred_at < p.ends
),
activity AS (
  SELECT d.period, e.person_key
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period, e.person_key
)
SELECT c.period /*by:c*/, o.seq - c.seq AS "offset", count(a.person_key) AS retained, count(*) AS n
FROM cohorts AS c
JOIN periods AS o ON o.seq >= c.seq AND o.ended
LEFT JOIN activity AS a ON a.person_key = c.person_key AND a.period = o.period
GROUP BY c.period /*by:c*/, o.seq - c.seq
