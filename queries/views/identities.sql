-- Who is who: one row per e-mail key and anonymous key that was ever seen
-- together with a user key. The earliest record that carries both decides.
SELECT key, key_kind, user_key, occurred_at, event_id
FROM (
  SELECT key, key_kind, user_key, occurred_at, event_id,
    row_number() OVER (PARTITION BY key_kind, key ORDER BY occurred_at, event_id, source, user_key) AS place
  FROM (
    SELECT CASE k.key_kind WHEN 'email' THEN l.email_key ELSE l.anonymous_key END AS key,
      k.key_kind, l.user_key, l.occurred_at, l.event_id, l.source
    FROM links_all AS l
    CROSS JOIN (VALUES ('email'), ('anonymous')) AS k(key_kind)
    WHERE l.user_key IS NOT NULL
  ) AS pairs
  WHERE key IS NOT NULL
) AS ranked
WHERE place = 1
