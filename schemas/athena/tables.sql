-- Written by make docs; do not edit.
-- The tables over the lake's files. Put your bucket, prefix and first day in:
-- records of days before it are in the lake, but no query sees them.

CREATE EXTERNAL TABLE IF NOT EXISTS `tickets_all` (
  `event_id` string,
  `source` string,
  `occurred_at` timestamp,
  `received_at` timestamp,
  `time_adjusted` boolean,
  `delivery_id` string,
  `delivery_seq` int,
  `excluded` boolean,
  `user_key` string,
  `anonymous_key` string,
  `email_key` string,
  `account_key` string,
  `plan` string,
  `locale` string,
  `country` string,
  `platform` string,
  `app_version` string,
  `product` string,
  `ticket_id` string,
  `change` string,
  `author_role` string,
  `public` boolean,
  `subject` string,
  `status` string,
  `priority` string,
  `channel` string,
  `tags` array<string>,
  `team` string,
  `assignee_key` string,
  `text` string,
  `redactions` map<string,bigint>,
  `language` string,
  `sentiment` double,
  `sentiment_label` string,
  `confidence` double,
  `intent` string,
  `themes` array<string>,
  `mention_sentences` array<string>,
  `mention_sentiments` array<double>,
  `mention_intents` array<string>,
  `keyphrases` array<string>,
  `enrich_version` string
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/tickets/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/tickets/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `surveys_all` (
  `event_id` string,
  `source` string,
  `occurred_at` timestamp,
  `received_at` timestamp,
  `time_adjusted` boolean,
  `delivery_id` string,
  `delivery_seq` int,
  `excluded` boolean,
  `user_key` string,
  `anonymous_key` string,
  `email_key` string,
  `account_key` string,
  `plan` string,
  `locale` string,
  `country` string,
  `platform` string,
  `app_version` string,
  `product` string,
  `response_id` string,
  `survey_id` string,
  `question_id` string,
  `kind` string,
  `score` double,
  `scale_min` double,
  `scale_max` double,
  `choice` string,
  `ticket_id` string,
  `text` string,
  `redactions` map<string,bigint>,
  `language` string,
  `sentiment` double,
  `sentiment_label` string,
  `confidence` double,
  `intent` string,
  `themes` array<string>,
  `mention_sentences` array<string>,
  `mention_sentiments` array<double>,
  `mention_intents` array<string>,
  `keyphrases` array<string>,
  `enrich_version` string
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/surveys/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/surveys/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `events_all` (
  `event_id` string,
  `source` string,
  `occurred_at` timestamp,
  `received_at` timestamp,
  `time_adjusted` boolean,
  `delivery_id` string,
  `delivery_seq` int,
  `excluded` boolean,
  `user_key` string,
  `anonymous_key` string,
  `email_key` string,
  `account_key` string,
  `plan` string,
  `locale` string,
  `country` string,
  `platform` string,
  `app_version` string,
  `product` string,
  `kind` string,
  `name` string,
  `session_id` string,
  `revenue` double,
  `currency` string,
  `duration_ms` double,
  `properties` string,
  `traits` string
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/events/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `releases_all` (
  `event_id` string,
  `source` string,
  `occurred_at` timestamp,
  `received_at` timestamp,
  `time_adjusted` boolean,
  `delivery_id` string,
  `delivery_seq` int,
  `excluded` boolean,
  `user_key` string,
  `anonymous_key` string,
  `email_key` string,
  `account_key` string,
  `plan` string,
  `locale` string,
  `country` string,
  `platform` string,
  `app_version` string,
  `product` string,
  `kind` string,
  `ref` string,
  `version` string,
  `environment` string,
  `service` string,
  `title` string,
  `url` string,
  `status` string,
  `severity` string,
  `rollout_percent` double,
  `started_at` timestamp,
  `ended_at` timestamp
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/releases/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/releases/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `links_all` (
  `user_key` string,
  `email_key` string,
  `anonymous_key` string,
  `occurred_at` timestamp,
  `event_id` string,
  `source` string,
  `excluded` boolean
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/links/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/links/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `rejects_all` (
  `source` string,
  `table` string,
  `received_at` timestamp,
  `delivery_id` string,
  `item` int,
  `reason` string,
  `archive_object` string,
  `archive_line` bigint
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/rejects/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/rejects/tier=${tier}/dt=${dt}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `ledger_all` (
  `delivery_id` string,
  `item` int,
  `source` string,
  `table` string,
  `received_at` timestamp,
  `outcome` string,
  `event_key` bigint
)
PARTITIONED BY (`tier` string, `dt` date)
STORED AS PARQUET
LOCATION 's3://BUCKET/lake/ledger/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/lake/ledger/tier=${tier}/dt=${dt}/'
);
