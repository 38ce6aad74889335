-- What could not be understood: one payload, or one item of it, a row. The
-- payload itself is in the archive at archive_object, line archive_line.
SELECT
  source, "table" AS table_name, date_trunc('hour', received_at) AS hour, dt,
  received_at, delivery_id, item, reason, archive_object, archive_line
FROM rejects_rows
