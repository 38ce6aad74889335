-- name: first_response_time
-- title: First response time
-- description: Median time from the creation of a ticket to the first public comment by an agent, of tickets created in the period.
-- owner: support
-- unit: seconds
-- better: down
-- value: stat(p50)
-- interval: percentile(seconds, 0.5)
-- n: n
-- statistics: p50, p90, waiting
-- hidden: seconds
-- fill: waiting
-- by: plan, platform, country, app_version, locale, product, source, channel, priority, team
-- report: weekly
WITH created AS (
  SELECT d.period, t.source AS ticket_source, t.ticket_id, t.created_at /*by:t*/
  FROM tickets_current AS t
  JOIN days AS d ON d.dt = t.dt AND t.created_at >= d.starts AND t.created_at < d.ends
  WHERE t.dt >= :dt_from AND t.dt <= :dt_to AND NOT t.gone AND NOT t.excluded_person
),
answered AS (
  SELECT c.ticket_source, c.ticket_id, min(r.occurred_at) AS answered_at
  FROM created AS c
  JOIN tickets AS r ON r.source = c.ticket_source AND r.ticket_id = c.ticket_id
  WHERE r.dt >= :dt_from AND r.change = 'commented' AND r.author_role = 'agent' AND r.public AND r.occurred_at >= c.created_at
  GROUP BY c.ticket_source, c.ticket_id
),
times AS (
  SELECT c.period, c.ticket_source, c.ticket_id /*by:c*/,
    date_diff('millisecond', c.created_at, a.answered_at) / 1e3 AS seconds
  FROM created AS c
  LEFT JOIN answered AS a ON a.ticket_source = c.ticket_source AND a.ticket_id = c.ticket_id
),
ranked AS (
  SELECT x.period /*by:x*/, x.seconds,
    row_number() OVER (PARTITION BY x.period /*by:x*/ ORDER BY x.seconds, x.ticket_source, x.ticket_id) AS i,
    count(*) OVER (PARTITION BY x.period /*by:x*/) AS c
  FROM times AS x
  WHERE x.seconds IS NOT NULL
)
SELECT y.period /*by:y*/, max(y.p50) AS p50, max(y.p90) AS p90,
  CAST(sum(y.waiting) AS bigint) AS waiting, CAST(sum(y.n) AS bigint) AS n, max(y.seconds) AS seconds
FROM (
  SELECT r.period /*by:r*/,
    min(r.seconds) FILTER (WHERE 100 * r.i >= 50 * r.c) AS p50,
    min(r.seconds) FILTER (WHERE 100 * r.i >= 90 * r.c) AS p90,
    0 AS waiting, count(*) AS n, array_join(array_agg(r.seconds ORDER BY r.seconds), ' ') AS seconds
  FROM ranked AS r
  GROUP BY r.period /*by:r*/
  UNION ALL
  SELECT x.period /*by:x*/, NULL AS p50, NULL AS p90, count(*) AS waiting, 0 AS n, NULL AS seconds
  FROM times AS x
  WHERE x.seconds IS NULL
  GROUP BY x.period /*by:x*/
) AS y
GROUP BY y.period /*by:y*/
