-- name: resolution_time
-- title: Resolution time
-- description: Median time from creation to the last change into solved or closed, of tickets created in the period that are solved or closed now.
-- owner: support
-- unit: seconds
-- better: down
-- value: stat(p50)
-- interval: percentile(seconds, 0.5)
-- n: n
-- statistics: p50, p90, unresolved
-- hidden: seconds
-- fill: unresolved
-- by: plan, platform, country, app_version, locale, product, source, channel, priority, team
-- report: weekly
WITH created AS (
  SELECT d.period, t.source AS ticket_source, t.ticket_id, t.created_at, t.status IN ('solved', 'closed') AS done /*by:t*/
  FROM tickets_current AS t
  JOIN days AS d ON d.dt = t.dt AND t.created_at >= d.starts AND t.created_at < d.ends
  WHERE t.dt >= :dt_from AND t.dt <= :dt_to AND NOT t.gone AND NOT t.excluded_person
),
steps AS (
  SELECT r.source, r.ticket_id, r.occurred_at, r.status,
    lag(r.status) OVER (PARTITION BY r.source, r.ticket_id ORDER BY r.occurred_at, r.event_id) AS before
  FROM tickets AS r
  WHERE r.status IS NOT NULL
),
resolved AS (
  SELECT s.source, s.ticket_id, max(s.occurred_at) AS resolved_at
  FROM steps AS s
  WHERE s.status IN ('solved', 'closed') AND (s.before IS NULL OR s.before NOT IN ('solved', 'closed'))
  GROUP BY s.source, s.ticket_id
),
times AS (
  SELECT c.period, c.ticket_source, c.ticket_id /*by:c*/,
    CASE WHEN c.done THEN date_diff('millisecond', c.created_at, s.resolved_at) / 1e3 END AS seconds
  FROM created AS c
  LEFT JOIN resolved AS s ON s.source = c.ticket_source AND s.ticket_id = c.ticket_id
),
ranked AS (
  SELECT x.period /*by:x*/, x.seconds,
    row_number() OVER (PARTITION BY x.period /*by:x*/ ORDER BY x.seconds, x.ticket_source, x.ticket_id) AS i,
    count(*) OVER (PARTITION BY x.period /*by:x*/) AS c
  FROM times AS x
  WHERE x.seconds IS NOT NULL
)
SELECT y.period /*by:y*/, max(y.p50) AS p50, max(y.p90) AS p90,
  CAST(sum(y.unresolved) AS bigint) AS unresolved, CAST(sum(y.n) AS bigint) AS n, max(y.seconds) AS seconds
FROM (
  SELECT r.period /*by:r*/,
    min(r.seconds) FILTER (WHERE 100 * r.i >= 50 * r.c) AS p50,
    min(r.seconds) FILTER (WHERE 100 * r.i >= 90 * r.c) AS p90,
    0 AS unresolved, count(*) AS n, array_join(array_agg(r.seconds ORDER BY r.seconds), ' ') AS seconds
  FROM ranked AS r
  GROUP BY r.period /*by:r*/
  UNION ALL
  SELECT x.period /*by:x*/, NULL AS p50, NULL AS p90, count(*) AS unresolved, 0 AS n, NULL AS seconds
  FROM times AS x
  WHERE x.seconds IS NULL
  GROUP BY x.period /*by:x*/
) AS y
GROUP BY y.period /*by:y*/
