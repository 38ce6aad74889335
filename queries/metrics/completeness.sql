-- name: completeness
-- title: Completeness
-- description: Share of what was received that was stored, by the day it was received; the rest is duplicate, rejected or ignored.
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
SELECT d.period /*by:l*/,
  CAST(sum(l.received) AS bigint) AS received, CAST(sum(l.stored) AS bigint) AS stored,
  CAST(sum(l.duplicate) AS bigint) AS duplicate, CAST(sum(l.rejected) AS bigint) AS rejected,
  CAST(sum(l.ignored) AS bigint) AS ignored, CAST(sum(l.received) AS bigint) AS n
FROM ledger AS l
JOIN days AS d ON d.dt = l.dt AND l.hour >= d.starts AND l.hour < d.ends
WHERE l.dt >= :dt_from AND l.dt <= :dt_to
GROUP BY d.period /*by:l*/
