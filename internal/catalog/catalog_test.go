package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
)

// described are the views' columns by DuckDB.
func described(t *testing.T) Columns {
	t.Helper()
	q, err := localenv.OpenQuerier(context.Background(), t.TempDir(), localenv.QuerierOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	c, err := Describe(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// template is the template as CloudFormation reads it.
type template struct {
	Parameters map[string]any
	Resources  map[string]struct {
		Type       string
		Properties struct {
			Name, QueryString string
			WorkGroup         map[string]string
			TableInput        struct {
				Name, TableType   string
				Parameters        map[string]any
				PartitionKeys     []struct{ Name, Type string }
				StorageDescriptor struct {
					Columns  []struct{ Name, Type string }
					Location any
				}
				ViewOriginalText map[string][]any
			}
		}
	}
}

func readTemplate(t *testing.T) (template, []byte) {
	t.Helper()
	raw, err := Template(described(t))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var out template
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out, raw
}

// TestTemplateHasEverything: every table, every view and every metric, with the
// columns that the files have and the views give.
func TestTemplateHasEverything(t *testing.T) {
	tpl, raw := readTemplate(t)
	columns := described(t)
	byName := map[string]string{} // of tables, views and queries to their resource
	for id, r := range tpl.Resources {
		byName[r.Properties.Name+r.Properties.TableInput.Name] = id
	}
	names := func(id string) (out []string) {
		for _, c := range tpl.Resources[id].Properties.TableInput.StorageDescriptor.Columns {
			out = append(out, c.Name)
		}
		return out
	}
	want := 0
	for _, table := range lake.Tables() {
		want++
		in := tpl.Resources[byName[table+"_all"]].Properties.TableInput
		if diff := cmp.Diff(columnNames(lake.Columns(table)), names(byName[table+"_all"])); diff != "" || in.TableType != "EXTERNAL_TABLE" {
			t.Errorf("the table %s: %s", table, diff)
		}
		if got := fmt.Sprint(in.Parameters["storage.location.template"]); got != "map[Fn::Sub:s3://${LakeBucket}/${LakePrefix}"+table+"/tier=${!tier}/dt=${!dt}/]" {
			t.Errorf("the partitions of %s are at %s", table, got)
		}
		if got := fmt.Sprint(in.PartitionKeys); got != "[{tier string} {dt date}]" {
			t.Errorf("the partitions of %s are %s", table, got)
		}
	}
	for _, v := range Views() {
		want += 2
		in := tpl.Resources[byName[v.Name]].Properties.TableInput
		if diff := cmp.Diff(columnNames(columns[v.Name]), names(byName[v.Name])); diff != "" || in.TableType != "VIRTUAL_VIEW" || in.Parameters["presto_view"] != "true" {
			t.Errorf("the view %s: %s", v.Name, diff)
		}
		checkDefinition(t, v, in.ViewOriginalText, columns[v.Name])
		if q := tpl.Resources[byName["upshot view "+v.Name]].Properties.QueryString; q != v.Create() {
			t.Errorf("the query of the view %s is %q", v.Name, q)
		}
	}
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Names() {
		want++
		if q := tpl.Resources[byName["upshot metric "+name]].Properties.QueryString; !strings.Contains(q, "current_date") {
			t.Errorf("the query of the metric %s is %q", name, q)
		}
	}
	if len(tpl.Resources) != want || len(tpl.Parameters) != 5 {
		t.Errorf("%d resources of %d, %d parameters", len(tpl.Resources), want, len(tpl.Parameters))
	}
	if again, _ := Template(columns); !slices.Equal(raw, again) {
		t.Error("a second template differs")
	}
}

func columnNames(columns []lake.Column) (out []string) {
	for _, c := range columns {
		out = append(out, c.Name)
	}
	return out
}

// checkDefinition holds what Athena will decode against the view.
func checkDefinition(t *testing.T, v View, text map[string][]any, columns []lake.Column) {
	t.Helper()
	parts, ok := text["Fn::Join"][1].([]any)
	if !ok || len(parts) != 3 || parts[0] != "/* Presto View: " || parts[2] != " */" {
		t.Fatalf("the text of %s is %v", v.Name, text)
	}
	sub := parts[1].(map[string]any)["Fn::Base64"].(map[string]any)["Fn::Sub"].(string)
	var d struct {
		OriginalSQL     string `json:"originalSql"`
		Catalog, Schema string
		Columns         []struct{ Name, Type string }
	}
	if err := json.Unmarshal([]byte(sub), &d); err != nil {
		t.Fatalf("the text of %s: %v", v.Name, err)
	}
	if d.OriginalSQL != v.SQL || d.Catalog != "awsdatacatalog" || d.Schema != "${Database}" || len(d.Columns) != len(columns) || len(columns) == 0 {
		t.Errorf("the text of %s is %s", v.Name, sub)
	}
	for _, c := range d.Columns {
		if c.Type == "timestamp(6)" {
			t.Errorf("%s.%s: Athena reads times at milliseconds", v.Name, c.Name)
		}
	}
}

// relation finds what a statement reads.
var relation = regexp.MustCompile(`(?:FROM|JOIN) ([a-z_]+)`)

// TestViewsStandOnEarlierOnes: the statements can be run in their order.
func TestViewsStandOnEarlierOnes(t *testing.T) {
	later := map[string]bool{}
	for _, v := range Views() {
		later[v.Name] = true
	}
	read := 0
	for _, v := range Views() {
		for _, m := range relation.FindAllStringSubmatch(v.SQL, -1) {
			if read++; later[m[1]] {
				t.Errorf("the view %s names %s, which comes later", v.Name, m[1])
			}
		}
		delete(later, v.Name)
	}
	if read < len(Views()) {
		t.Errorf("only %d relations were found", read)
	}
}

// TestStatements holds a table's statements against files that people have read.
func TestStatements(t *testing.T) {
	for file, got := range map[string]string{
		"testdata/ledger.athena.sql": AthenaTable("ledger", Place{Location: "s3://b/lake/", First: "2026-01-01"}),
		"testdata/ledger.trino.sql":  TrinoTable("ledger", Place{Location: "local:///lake/", First: "2026-01-01", Last: "2026-12-31"}, 3),
	} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// TestTypes: what a file may hold has a type everywhere; what Athena would
// read as another type is refused.
func TestTypes(t *testing.T) {
	for duck, want := range map[string][2]string{
		"VARCHAR": {"varchar", "string"}, "INTEGER": {"integer", "int"}, "BIGINT": {"bigint", "bigint"},
		"TIMESTAMP": {"timestamp(6)", "timestamp"}, "DATE": {"date", "date"}, "DOUBLE[]": {"array(double)", "array<double>"},
		"MAP(VARCHAR, BIGINT)": {"map(varchar, bigint)", "map<string,bigint>"}, "BOOLEAN": {"boolean", "boolean"},
	} {
		got, err := typeOf(duck)
		if err != nil || got != want[0] || hiveType(got) != want[1] {
			t.Errorf("%s is %s, %s in Glue, %v; want %v", duck, got, hiveType(got), err, want)
		}
	}
	for _, duck := range []string{"HUGEINT", "DECIMAL(18,3)", "HUGEINT[]", "TIMESTAMP WITH TIME ZONE", "JSON"} {
		if got, err := typeOf(duck); err == nil {
			t.Errorf("%s is taken as %s", duck, got)
		}
	}
}

// TestDictionary: every column of every table and view has a line with a
// meaning and an example; a column that nobody explained stops make docs.
func TestDictionary(t *testing.T) {
	columns := described(t)
	page, err := Dictionary(columns)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, v := range Views() {
		if v.People {
			want += len(columns[v.Name])
		}
	}
	for _, table := range lake.Tables() {
		want += len(lake.Columns(table)) + 2
	}
	if got := strings.Count(string(page), "\n| `"); got != want {
		t.Errorf("%d columns are explained, want %d", got, want)
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") && (strings.Contains(line, "|  |") || strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5) {
			t.Errorf("half explained: %s", line)
		}
	}
	columns["events"] = append(columns["events"], lake.Column{Name: "mystery", Type: "varchar"})
	if _, err := Dictionary(columns); err == nil || !strings.Contains(err.Error(), "mystery") {
		t.Errorf("an unexplained column gives %v", err)
	}
}
