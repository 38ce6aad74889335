-- name: contact_rate
-- title: Contact rate
-- description: Tickets created in the period per 1,000 of the period's active users.
-- owner: support
-- unit: per_1000
-- better: down
-- value: rate(tickets, users, 1000)
-- interval: poisson(tickets, users, 1000)
-- n: users
-- statistics: tickets, users
-- fill: tickets, users
-- by: plan, platform, country, app_version, locale, product, source
-- report: weekly
SELECT x.period /*by:x*/,
  CAST(sum(x.tickets) AS bigint) AS tickets, CAST(sum(x.users) AS bigint) AS users, CAST(sum(x.users) AS bigint) AS n
FROM (
  SELECT d.period /*by:t*/, count(*) AS tickets, 0 AS users
  FROM tickets_current AS t
  JOIN days AS d ON d.dt = t.dt AND t.created_at >= d.starts AND t.created_at < d.ends
  WHERE t.dt >= :dt_from AND t.dt <= :dt_to AND NOT t.gone AND NOT t.excluded_person
  GROUP BY d.period /*by:t*/
  UNION ALL
  SELECT d.period /*by:e*/, 0 AS tickets, count(DISTINCT e.person_key) AS users
  FROM active_events AS e
  JOIN days AS d ON d.dt = e.dt AND e.occurred_at >= d.starts AND e.occurred_at < d.ends
  WHERE e.dt >= :dt_from AND e.dt <= :dt_to
  GROUP BY d.period /*by:e*/
) AS x
GROUP BY x.period /*by:x*/
