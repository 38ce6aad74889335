-- Each receipt once: processing a delivery again gives the same row again.
SELECT delivery_id, item, source, "table", received_at, outcome, event_key, dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, delivery_id, item
      ORDER BY received_at, outcome, coalesce("table", ''), event_key, tier) AS place
  FROM ledger_all
) AS d
WHERE place = 1
