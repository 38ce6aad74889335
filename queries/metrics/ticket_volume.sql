-- name: ticket_volume
-- title: Tickets
-- description: Tickets created in the period.
-- owner: support
-- unit: count
-- better: down
-- value: stat(tickets)
-- interval: none
-- n: tickets
-- statistics: tickets
-- fill: tickets
-- by: plan, platform, country, app_version, locale, product, source, channel, priority, team
-- report: weekly
SELECT d.period /*by:t*/, count(*) AS tickets, count(*) AS n
FROM tickets_current AS t
JOIN days AS d ON d.dt = t.dt AND t.created_at >= d.starts AND t.created_at < d.ends
WHERE t.dt >= :dt_from AND t.dt <= :dt_to AND NOT t.gone AND NOT t.excluded_person
GROUP BY d.period /*by:t*/
