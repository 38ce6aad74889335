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
LOCATION 's3://b/lake/ledger/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tier.type' = 'enum',
  'projection.tier.values' = 'base,hot',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://b/lake/ledger/tier=${tier}/dt=${dt}/'
)
