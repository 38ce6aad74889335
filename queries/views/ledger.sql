-- The account of all that came in, in input records by hour of reception:
-- received = stored + duplicate + rejected + ignored. Of the receipts of one
-- record the first was stored, on whatever day; the rest are duplicates. A
-- bound on dt reads all files for that reason.
SELECT
  source, table_name, date_trunc('hour', received_at) AS hour, dt,
  count(*) AS received,
  count(*) FILTER (WHERE outcome = 'record' AND place = 1) AS stored,
  count(*) FILTER (WHERE outcome = 'record' AND place > 1) AS duplicate,
  count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
  count(*) FILTER (WHERE outcome = 'ignored') AS ignored
FROM (
  SELECT source, "table" AS table_name, received_at, dt, outcome,
    row_number() OVER (PARTITION BY outcome, event_key ORDER BY received_at, delivery_id, item) AS place
  FROM ledger_rows
) AS receipts
GROUP BY source, table_name, date_trunc('hour', received_at), dt
