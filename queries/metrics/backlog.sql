-- name: backlog
-- title: Backlog
-- description: Tickets created before the end of the period and then neither solved nor closed.
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
WITH steps AS (
  SELECT r.source, r.ticket_id, r.status, r.occurred_at AS starts,
    lead(r.occurred_at) OVER (PARTITION BY r.source, r.ticket_id ORDER BY r.occurred_at, r.event_id) AS ends,
    row_number() OVER (PARTITION BY r.source, r.ticket_id ORDER BY r.occurred_at, r.event_id) AS place
  FROM tickets AS r
  WHERE r.status IS NOT NULL AND r.dt <= :dt_to
),
open_times AS (
  SELECT s.source, s.ticket_id, s.starts, s.ends
  FROM steps AS s
  WHERE s.status NOT IN ('solved', 'closed')
  UNION ALL
  -- from the creation to the first status that is known, and for good where none is
  SELECT t.source, t.ticket_id, t.created_at, s.starts
  FROM tickets_current AS t
  LEFT JOIN steps AS s ON s.source = t.source AND s.ticket_id = t.ticket_id AND s.place = 1
  WHERE s.starts IS NULL OR s.starts > t.created_at
)
SELECT p.period /*by:t*/, count(*) AS tickets, count(*) AS n
FROM periods AS p
JOIN open_times AS o ON o.starts < p.ends AND (o.ends IS NULL OR o.ends >= p.ends)
JOIN tickets_current AS t ON t.source = o.source AND t.ticket_id = o.ticket_id AND t.created_at < p.ends
WHERE NOT t.gone AND NOT t.excluded_person
GROUP BY p.period /*by:t*/
