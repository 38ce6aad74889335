package localenv

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/queries"
)

// stored are the views that the engine computes once: every other view asks
// them for every row.
var stored = []string{"identities", "excluded_people"}

// Refresh shows what is in the folder now. It costs a listing when nothing has
// changed, and work only for the tables that did.
func (q *Querier) Refresh(ctx context.Context) error {
	q.admin.Lock()
	defer q.admin.Unlock()
	if q.conn == nil {
		return fault.Permanentf("the querier is closed")
	}
	for range attempts {
		files, err := listLake(q.dir)
		if err != nil {
			return err
		}
		err = q.show(ctx, files)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !files.changed() {
			return err
		}
	}
	return fault.Retryf("open the lake: it changed while it was opened, %d times", attempts)
}

// show makes the views name these files, all at once.
func (q *Querier) show(ctx context.Context, files *lakeFiles) (err error) {
	var changed []string
	for _, table := range lake.Tables() {
		if q.files == nil || !files.tables[table].equal(q.files.tables[table]) {
			changed = append(changed, table)
		} else {
			files.tables[table] = q.files.tables[table]
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := q.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return failed("open the lake", err)
	}
	defer func() {
		if err != nil {
			_ = q.exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	for _, table := range changed {
		if err := q.showTable(ctx, table, files.tables[table]); err != nil {
			return failed("open the table "+table, err)
		}
	}
	for _, name := range queries.Views() {
		kind := "VIEW"
		switch {
		case slices.Contains(stored, name):
			if !slices.Contains(changed, lake.Links) {
				continue
			}
			kind = "TABLE"
		case q.files != nil:
			continue // it names relations, not files
		}
		if err := q.exec(ctx, fmt.Sprintf("CREATE OR REPLACE %s %s AS %s", kind, name, queries.View(name))); err != nil {
			return failed("create the view "+name, err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.exec(ctx, "COMMIT"); err != nil {
		return failed("open the lake", err)
	}
	q.files = files
	q.forget()
	return nil
}

// forget drops the facts of files that are no longer there.
func (q *Querier) forget() {
	facts := make(map[string]fileFacts, len(q.facts))
	for _, t := range q.files.tables {
		for _, f := range t.all {
			facts[f.stamp()] = f.fileFacts
		}
	}
	q.facts = facts
}

// showTable makes <table>_all, every row of every file, and <table>_rows, each
// row once. Which rows are there twice is found here, once, and only among the
// days that have loose files; a query leaves them out by their place, reads
// every file once, and pays nothing for the days that are compacted.
func (q *Querier) showTable(ctx context.Context, table string, t *tableFiles) error {
	if err := q.learn(ctx, t); err != nil {
		return err
	}
	if err := q.exec(ctx, fmt.Sprintf("CREATE OR REPLACE VIEW %s_all AS %s", table, scan(table, t.all, allColumns))); err != nil {
		return err
	}
	skipped, err := q.findRepeats(ctx, table, t)
	if err != nil {
		return failed("find rows that are there twice", err)
	}
	var plain, holed []*lakeFile
	for _, f := range t.all {
		switch n := skipped[f.path]; {
		case n == 0:
			plain = append(plain, f)
		case n < f.rows:
			holed = append(holed, f)
		}
	}
	rows := scan(table, plain, rowColumns)
	if len(holed) > 0 {
		rows = fmt.Sprintf(`%s UNION ALL SELECT %s, dt FROM (%s) AS f
WHERE NOT EXISTS (SELECT 1 FROM %s_repeats AS r WHERE r.path = f."$path" AND r.place = f.file_row_number)`,
			rows, columnNames(table), scan(table, holed, placeColumns), table)
	}
	return q.exec(ctx, fmt.Sprintf("CREATE OR REPLACE VIEW %s_rows AS %s", table, rows))
}

// learn asks the files for their facts, those that were not asked before.
func (q *Querier) learn(ctx context.Context, t *tableFiles) error {
	var ask []*lakeFile
	for _, f := range t.all {
		if known, ok := q.facts[f.stamp()]; ok {
			f.fileFacts = known
		} else {
			ask = append(ask, f)
		}
	}
	for chunk := range slices.Chunk(ask, 1000) {
		byPath := map[string]*lakeFile{}
		for _, f := range chunk {
			byPath[f.path] = f
		}
		err := q.each(ctx, fmt.Sprintf(`SELECT file_name, sum(CASE WHEN column_id = 0 THEN row_group_num_rows END)::BIGINT,
  array_to_string(list_sort(list_distinct(list(string_split(path_in_schema, ', ')[1]))), ','),
  bool_or(path_in_schema = 'time_adjusted' AND coalesce(stats_max_value, stats_max, 'true') <> 'false')
FROM parquet_metadata(%s) GROUP BY file_name`, pathList(chunk)), func(row []driver.Value) error {
			path, _ := row[0].(string)
			f, ok := byPath[path]
			if !ok {
				return fault.Permanentf("the engine read %s, which was not asked for", path)
			}
			f.rows, _ = row[1].(int64)
			f.columns, _ = row[2].(string)
			f.adjusted, _ = row[3].(bool)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, f := range ask {
		q.facts[f.stamp()] = f.fileFacts
	}
	return nil
}

// stamp names a file and its state.
func (f *lakeFile) stamp() string {
	return fmt.Sprint(f.path, " ", f.info.Size(), " ", f.info.ModTime().UnixNano())
}

// findRepeats makes the table <table>_repeats of the rows that do not count,
// by file and place, and says how many each file has.
func (q *Querier) findRepeats(ctx context.Context, table string, t *tableFiles) (map[string]int64, error) {
	parts := repeatsWithinDays(table, t)
	if slices.Contains(record.Tables(), record.Table(table)) {
		parts = append(parts, repeatsAcrossDays(table, t)...)
	}
	if len(parts) == 0 {
		return nil, q.exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %s_repeats", table))
	}
	err := q.exec(ctx, fmt.Sprintf("CREATE OR REPLACE TABLE %s_repeats AS %s", table, strings.Join(parts, " UNION ")))
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	err = q.each(ctx, fmt.Sprintf("SELECT path, count(*) FROM %s_repeats GROUP BY path", table), func(row []driver.Value) error {
		path, _ := row[0].(string)
		counts[path], _ = row[1].(int64)
		return nil
	})
	return counts, err
}

// repeatsWithinDays compares the loose rows with each other and with those
// rows of their day's base that share an identity with one of them.
func repeatsWithinDays(table string, t *tableFiles) []string {
	var loose, base []*lakeFile
	days := map[string]bool{}
	for _, f := range t.all {
		if f.loose {
			loose = append(loose, f)
			days[f.dt] = true
		}
	}
	if len(loose) == 0 {
		return nil
	}
	for _, f := range t.all {
		if !f.loose && days[f.dt] {
			base = append(base, f)
		}
	}
	same, rank := lake.Identity(table)
	among := scan(table, loose, keyColumns)
	if len(base) > 0 {
		match := []string{"l.dt = b.dt"}
		for _, c := range same {
			match = append(match, fmt.Sprintf("l.%[1]s IS NOT DISTINCT FROM b.%[1]s", identifier(c)))
		}
		among += fmt.Sprintf(" UNION ALL SELECT * FROM (%s) AS b WHERE EXISTS (SELECT 1 FROM (%s) AS l WHERE %s)",
			scan(table, base, keyColumns), scan(table, loose, keyColumns), strings.Join(match, " AND "))
	}
	return []string{fmt.Sprintf(`SELECT path, place FROM (
  SELECT "$path" AS path, file_row_number AS place,
    row_number() OVER (PARTITION BY dt, %s ORDER BY %s, tier, "$path", file_row_number) AS nth
  FROM (%s) AS x) AS y WHERE nth > 1`, identifiers(same), nullsFirst(rank), among)}
}

// repeatsAcrossDays compares the rows of all days whose id was once given to a
// row with an adjusted time.
func repeatsAcrossDays(table string, t *tableFiles) []string {
	var adjusted []*lakeFile
	for _, f := range t.all {
		if f.adjusted {
			adjusted = append(adjusted, f)
		}
	}
	if len(adjusted) == 0 {
		return nil
	}
	same, rank := lake.Identity(table)
	return []string{fmt.Sprintf(`SELECT path, place FROM (
  SELECT "$path" AS path, file_row_number AS place,
    row_number() OVER (PARTITION BY %[1]s ORDER BY %[2]s, dt, tier, "$path", file_row_number) AS nth
  FROM (%[3]s) AS x
  WHERE (%[1]s) IN (SELECT %[1]s FROM (%[4]s) AS a WHERE time_adjusted)) AS y WHERE nth > 1`,
		identifiers(same), nullsFirst(rank), scan(table, t.all, keyColumns), scan(table, adjusted, keyColumns))}
}

// nullsFirst is an order as compaction has it.
func nullsFirst(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = identifier(c) + " NULLS FIRST"
	}
	return strings.Join(out, ", ")
}
