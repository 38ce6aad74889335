-- name: completeness
-- title: Completeness
-- description: Share of what was received that was stored, by the day it was received; the rest is duplicate, rejected or ignored. What the smoke test sends is left out.
-- owner: operations
-- unit: ratio
-- better: none
-- value: ratio(stored, received)
-- interval: none
-- n: received
-- statistics: received, stored, duplicate, rejected, ignored
-- fill: received, stored, duplicate, rejected, ignored
-- by: source
-- report: weekly
WITH receipts AS (
  -- not the view ledger: that has hours of UTC, and days begin within one in
  -- some zones
  SELECT source, received_at, dt, outcome,
    row_number() OVER (PARTITION BY outcome, event_key ORDER BY received_at, delivery_id, item) AS place
  FROM ledger_rows
  WHERE source <> 'smoke'
)
SELECT d.period /*by:r*/,
  count(*) AS received,
  count(*) FILTER (WHERE r.outcome = 'record' AND r.place = 1) AS stored,
  count(*) FILTER (WHERE r.outcome = 'record' AND r.place > 1) AS duplicate,
  count(*) FILTER (WHERE r.outcome = 'rejected') AS rejected,
  count(*) FILTER (WHERE r.outcome = 'ignored') AS ignored,
  count(*) AS n
FROM receipts AS r
JOIN days AS d ON d.dt = r.dt AND r.received_at >= d.starts AND r.received_at < d.ends
WHERE r.dt >= :dt_from AND r.dt <= :dt_to
GROUP BY d.period /*by:r*/
