-- Statements that the querier refuses. $LAKE is the lake's folder, $OUTSIDE a file elsewhere.

-- nothing, and more than one

;
-- only a comment
/* nothing */
SELECT 1; SELECT 2
SELECT 1; DROP VIEW events
SELECT 1\0; DROP VIEW events
SELECT ?
SELECT $1

-- writing
CREATE TABLE t (a integer)
CREATE TEMP TABLE t AS SELECT 1
CREATE VIEW v AS SELECT 1
CREATE MACRO f(x) AS x
CREATE SECRET s (TYPE s3)
INSERT INTO identities VALUES ('a', 'email', 'b', timestamp '2026-01-01 00:00:00', 'c')
UPDATE identities SET user_key = 'x'
DELETE FROM identities
WITH x AS (SELECT 1) DELETE FROM identities
WITH x AS (SELECT 1) INSERT INTO excluded_people SELECT 'a'
TRUNCATE identities
DROP VIEW events
DROP TABLE identities
ALTER TABLE identities ADD COLUMN x integer
COPY (SELECT 1) TO '$LAKE/events/x.csv'
COPY (SELECT 1) TO '$LAKE/x.csv'
COPY events TO '$OUTSIDE'
EXPLAIN ANALYZE COPY (SELECT 1) TO '$LAKE/events/y.csv'
EXPLAIN (ANALYZE) COPY (SELECT 1) TO '$LAKE/events/y.csv'
/* first */ EXPLAIN ANALYZE COPY (SELECT 1) TO '$LAKE/events/y.csv'
EXPLAIN ANALYZE DELETE FROM identities
EXPLAIN COPY (SELECT 1) TO '$LAKE/events/y.csv'
EXPORT DATABASE '$LAKE/events/out'
IMPORT DATABASE '$LAKE/events/out'

-- reaching elsewhere
ATTACH '$LAKE/events/x.db'
ATTACH ':memory:' AS other
DETACH memory
SELECT * FROM read_csv('$OUTSIDE')
SELECT * FROM '$OUTSIDE'
SELECT * FROM read_text('$OUTSIDE')
SELECT * FROM read_blob('$LAKE/identity.key')
SELECT * FROM read_text('$LAKE/events/../identity.key')
SELECT * FROM read_csv('$LAKE/identity.key')
SELECT * FROM read_json('$LAKE/archive/x.jsonl.zst')
SELECT * FROM read_parquet('$LAKE/archive/x.parquet')
SELECT * FROM sniff_csv('$OUTSIDE')
SELECT * FROM glob('$LAKE/*')
SELECT * FROM glob('/etc/*')
SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')
SELECT * FROM 'https://127.0.0.1:1/x.parquet'
SELECT * FROM 's3://bucket/x.parquet'
SELECT getenv('HOME')

-- settings, extensions and the like
SET threads=1
SET GLOBAL enable_external_access=true
RESET enable_external_access
SET lock_configuration=false
SET VARIABLE x = 1
PRAGMA enable_profiling
PRAGMA threads=2
PRAGMA memory_limit='90GB'
USE memory
INSTALL httpfs
LOAD httpfs
LOAD '$OUTSIDE'
CALL pragma_version()
CHECKPOINT
VACUUM
ANALYZE
BEGIN
COMMIT
ROLLBACK
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p

-- wrong
SELECT nothing FROM events
SELEC 1
SELECT * FROM orders
