CREATE TABLE ledger_all (
  "delivery_id" varchar,
  "item" integer,
  "source" varchar,
  "table" varchar,
  "received_at" timestamp(3),
  "outcome" varchar,
  "event_key" bigint,
  tier varchar WITH (partition_projection_type = 'enum', partition_projection_values = ARRAY['base', 'hot']),
  dt date WITH (partition_projection_type = 'date', partition_projection_format = 'yyyy-MM-dd',
    partition_projection_range = ARRAY['2026-01-01', '2026-12-31'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS')
) WITH (format = 'PARQUET', external_location = 'local:///lake/ledger/', partitioned_by = ARRAY['tier', 'dt'],
  partition_projection_enabled = true, partition_projection_location_template = 'local:///lake/ledger/tier=${tier}/dt=${dt}/')
