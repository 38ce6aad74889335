-- Each record of events once, whichever file it is in: of the rows of a day with
-- one (source, event_id) the first by (received_at, delivery_id, delivery_seq)
-- stands. Where the time of a record was corrected, its repetitions may lie on
-- other days: of those ids, and of no others, all days are compared.
WITH moved AS (
  SELECT a.source, a.event_id, a.dt,
    row_number() OVER (PARTITION BY a.source, a.event_id
      ORDER BY a.received_at, a.delivery_id, a.delivery_seq, a.dt) AS place
  FROM events_all AS a
  JOIN (SELECT DISTINCT source, event_id FROM events_all WHERE time_adjusted) AS j
    ON j.source = a.source AND j.event_id = a.event_id
)
SELECT
  d.event_id, d.source, d.occurred_at, d.received_at, d.time_adjusted, d.delivery_id,
  d.delivery_seq, d.excluded, d.user_key, d.anonymous_key, d.email_key, d.account_key, d.plan,
  d.locale, d.country, d.platform, d.app_version, d.product,
  d.kind, d.name, d.session_id, d.revenue, d.currency, d.duration_ms, d.properties, d.traits,
  d.dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, source, event_id
      ORDER BY received_at, delivery_id, delivery_seq, tier) AS place
  FROM events_all
) AS d
LEFT JOIN moved AS s ON s.source = d.source AND s.event_id = d.event_id AND s.place = 1
WHERE d.place = 1 AND (s.dt IS NULL OR s.dt = d.dt)
