-- The people whom no metric counts: anybody of whom one record, at any time,
-- carried an excluded e-mail domain or user id.
SELECT DISTINCT person_key
FROM (
  SELECT coalesce(l.user_key, m.user_key, a.user_key, l.email_key, l.anonymous_key) AS person_key
  FROM links_all AS l
  LEFT JOIN identities AS m ON m.key_kind = 'email' AND m.key = l.email_key
  LEFT JOIN identities AS a ON a.key_kind = 'anonymous' AND a.key = l.anonymous_key
  WHERE l.excluded
) AS people
WHERE person_key IS NOT NULL
