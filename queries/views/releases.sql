-- Every release, deploy, rollback, flag step, experiment start or stop, and incident once.
-- person_key: the user; else the user linked to the e-mail, else to the
-- anonymous id; else these themselves. excluded_person: counts in no metric.
-- The joins are asked only for rows without a user key of their own.
SELECT
  r.event_id, r.source, r.occurred_at, r.received_at, r.time_adjusted, r.delivery_id,
  r.delivery_seq, r.user_key, r.anonymous_key, r.email_key, r.account_key, r.plan, r.locale,
  r.country, r.platform, r.app_version, r.product,
  r.kind, r.ref, r.version, r.environment, r.service, r.title, r.url, r.status, r.severity,
  r.rollout_percent, r.started_at, r.ended_at,
  r.dt, r.person_key,
  (r.excluded OR p.person_key IS NOT NULL) AS excluded_person
FROM (
  SELECT e.*, coalesce(e.user_key, m.user_key, a.user_key, e.email_key, e.anonymous_key) AS person_key
  FROM releases_rows AS e
  LEFT JOIN identities AS m
    ON m.key_kind = 'email' AND m.key = CASE WHEN e.user_key IS NULL THEN e.email_key END
  LEFT JOIN identities AS a
    ON a.key_kind = 'anonymous' AND a.key = CASE WHEN e.user_key IS NULL THEN e.anonymous_key END
) AS r
LEFT JOIN excluded_people AS p ON p.person_key = r.person_key
