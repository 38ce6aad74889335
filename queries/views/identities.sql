-- Who is who: one row per e-mail key and anonymous key that was ever seen
-- together with a user key. The earliest record that carries both decides.
SELECT key, key_kind, user_key, occurred_at, event_id
FROM (
  SELECT key, key_kind, user_key, occurred_at, event_id,
    row_number() OVER (PARTITION BY key_kind, key ORDER BY occurred_at, event_id, source, user_key) AS place
  FROM (
    SELECT email_key AS key, 'email' AS key_kind, user_key, occurred_at, event_id, source
    FROM links_all
    WHERE email_key IS NOT NULL AND user_key IS NOT NULL
    UNION ALL
    SELECT anonymous_key AS key, 'anonymous' AS key_kind, user_key, occurred_at, event_id, source
    FROM links_all
    WHERE anonymous_key IS NOT NULL AND user_key IS NOT NULL
  ) AS pairs
) AS ranked
WHERE place = 1
