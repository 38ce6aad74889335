package localenv

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/queries"
)

// lakeFiles are the Parquet files of a lake by table.
type lakeFiles map[string]*tableFiles

// tableFiles separates the days that have only their base files, where every
// row is unique, from those where hot files or two generations of base files
// lie side by side.
type tableFiles struct {
	clean, dirty []string
}

// listLake finds the files.
func listLake(dir string) (lakeFiles, error) {
	out := lakeFiles{}
	for _, table := range lake.Tables() {
		days := map[string][]lake.File{}
		keys := map[string][]string{}
		err := filepath.WalkDir(filepath.Join(dir, table), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				return err
			}
			if f, ok := lake.ParseKey(filepath.ToSlash(rel)); ok {
				days[f.DT] = append(days[f.DT], f)
				keys[f.DT] = append(keys[f.DT], path.Join(filepath.ToSlash(dir), filepath.ToSlash(rel)))
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the lake: %w", err)
		}
		t := &tableFiles{}
		for _, dt := range slices.Sorted(maps.Keys(days)) {
			if isClean(days[dt]) {
				t.clean = append(t.clean, keys[dt]...)
			} else {
				t.dirty = append(t.dirty, keys[dt]...)
			}
		}
		out[table] = t
	}
	return out, nil
}

func isClean(day []lake.File) bool {
	for _, f := range day {
		if f.Tier == lake.Hot || f.Buckets != len(day) {
			return false
		}
	}
	return true
}

func (l lakeFiles) signature() string {
	h := sha256.New()
	for _, table := range lake.Tables() {
		for _, list := range [][]string{l[table].clean, l[table].dirty} {
			for _, f := range list {
				h.Write([]byte(f))
				h.Write([]byte{0})
			}
			h.Write([]byte{1})
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// createViews makes <table>_rows for every table and the views on top.
func createViews(ctx context.Context, db *sql.DB, files lakeFiles) error {
	for _, table := range lake.Tables() {
		if err := createRows(ctx, db, table, files[table]); err != nil {
			return fmt.Errorf("open the table %s: %w", table, err)
		}
	}
	for _, name := range queries.Views() {
		kind := "VIEW"
		if name == "identities" || name == "excluded_people" {
			kind = "TABLE" // small, and every other view asks them
		}
		if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE %s %s AS %s", kind, name, queries.View(name))); err != nil {
			return fault.Permanentf("create the view %s: %w", name, err)
		}
	}
	return nil
}

// rowKeys are what makes rows of a table the same, and which of them stands.
func rowKeys(table string) (same, rank string) {
	switch table {
	case lake.Links:
		return "user_key, email_key, anonymous_key, excluded", "occurred_at, event_id, source"
	case lake.Rejects:
		return "delivery_id, item, reason", "received_at, archive_object, archive_line"
	case lake.Ledger:
		return "delivery_id, item", `received_at, outcome, "table", event_key`
	default:
		return "source, event_id", "received_at, delivery_id, delivery_seq"
	}
}

// createRows makes <table>_all, every row of every file, and <table>_rows, each
// row once. Only the days that need it pay for finding repeats.
func createRows(ctx context.Context, db *sql.DB, table string, f *tableFiles) error {
	same, rank := rowKeys(table)
	columns := columnList(table)
	stmts := []string{
		fmt.Sprintf("CREATE VIEW %s_clean AS %s", table, readFiles(table, f.clean)),
		fmt.Sprintf("CREATE VIEW %s_dirty AS %s", table, readFiles(table, f.dirty)),
		fmt.Sprintf("CREATE VIEW %s_all AS SELECT * FROM %s_clean UNION ALL SELECT * FROM %s_dirty", table, table, table),
	}
	unique := fmt.Sprintf("SELECT %s FROM %s_clean", columns, table)
	if len(f.dirty) > 0 {
		unique += fmt.Sprintf(`
UNION ALL SELECT %s FROM (SELECT *, row_number() OVER (PARTITION BY dt, %s ORDER BY %s, tier) AS rn FROM %s_dirty) AS x WHERE rn = 1`,
			columns, same, rank, table)
	}
	stmts = append(stmts, fmt.Sprintf("CREATE VIEW %s_days AS %s", table, unique))
	if err := execAll(ctx, db, stmts); err != nil {
		return err
	}
	rows := fmt.Sprintf("CREATE VIEW %s_rows AS SELECT * FROM %s_days", table, table)
	if slices.Contains(record.Tables(), record.Table(table)) {
		n, err := createLosers(ctx, db, table, same, rank)
		if err != nil {
			return err
		}
		if n > 0 {
			rows += fmt.Sprintf(" AS d WHERE NOT EXISTS (SELECT 1 FROM %s_losers AS l WHERE l.source = d.source AND l.event_id = d.event_id AND l.dt = d.dt)", table)
		}
	}
	return execAll(ctx, db, []string{rows})
}

// createLosers finds the rows whose time was adjusted and whose repeats may
// therefore lie on another day: of all rows with such an id the first stands.
func createLosers(ctx context.Context, db *sql.DB, table, same, rank string) (int, error) {
	_, err := db.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE %[1]s_losers AS
SELECT source, event_id, dt FROM (
  SELECT source, event_id, dt, row_number() OVER (PARTITION BY %[2]s ORDER BY %[3]s) AS rn
  FROM %[1]s_days AS d
  WHERE event_id IN (SELECT event_id FROM %[1]s_days WHERE time_adjusted)
) AS x WHERE rn > 1`, table, same, rank))
	if err != nil {
		return 0, err
	}
	var n int
	err = db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM %s_losers", table)).Scan(&n)
	return n, err
}

func execAll(ctx context.Context, db *sql.DB, stmts []string) error {
	for _, s := range stmts {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func columnList(table string) string {
	var names []string
	for _, c := range lake.Columns(table) {
		names = append(names, identifier(c.Name))
	}
	return strings.Join(append(names, "dt"), ", ")
}

// readFiles reads files with their tier and dt. An empty typed relation stands
// beside them: it gives the columns that older files lack, and all of them when
// there are no files.
func readFiles(table string, files []string) string {
	var typed []string
	for _, c := range lake.Columns(table) {
		typed = append(typed, fmt.Sprintf("CAST(NULL AS %s) AS %s", duckType(c.Type), identifier(c.Name)))
	}
	typed = append(typed, "CAST(NULL AS DATE) AS dt", "CAST(NULL AS VARCHAR) AS tier", `CAST(NULL AS VARCHAR) AS "$path"`)
	empty := "SELECT " + strings.Join(typed, ", ") + " WHERE FALSE"
	if len(files) == 0 {
		return empty
	}
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = literal(f)
	}
	return fmt.Sprintf(`%s UNION ALL BY NAME
SELECT * FROM read_parquet([%s], union_by_name=true, hive_partitioning=true, hive_types={'dt': DATE, 'tier': VARCHAR}, filename='$path')`,
		empty, strings.Join(quoted, ","))
}

// duckType is a column's type in DuckDB's words.
func duckType(t string) string {
	if in, ok := strings.CutPrefix(t, "array("); ok {
		return duckType(strings.TrimSuffix(in, ")")) + "[]"
	}
	if t == "timestamp(6)" {
		return "TIMESTAMP"
	}
	return strings.ToUpper(t)
}
