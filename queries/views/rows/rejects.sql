-- Each reject once: processing a delivery again gives the same row again.
SELECT source, "table", received_at, delivery_id, item, reason, archive_object, archive_line, dt
FROM (
  SELECT *,
    row_number() OVER (PARTITION BY dt, delivery_id, item, reason
      ORDER BY received_at, archive_object, archive_line, tier) AS place
  FROM rejects_all
) AS d
WHERE place = 1
