package catalog

import (
	"encoding/json"
	"fmt"
	"strings"

	"upshot.dev/upshot/pipeline/lake"
)

// athenaPrecision is the decimals of a second that Athena reads from Parquet.
const athenaPrecision = 3

// glueColumns are columns as Glue has them.
func glueColumns(columns []lake.Column) []any {
	out := make([]any, len(columns))
	for i, c := range columns {
		out[i] = object{{"Name", c.Name}, {"Type", hiveType(c.Type)}}
	}
	return out
}

// glueTable is the TableInput of a table, for a place in the words of
// CloudFormation's Sub.
func glueTable(table string, p Place) object {
	parameters := object{{"EXTERNAL", "TRUE"}, {"classification", "parquet"}}
	for _, kv := range p.projection(table) {
		parameters = append(parameters, member{kv[0], sub(kv[1])})
	}
	return object{
		{"Name", TableName(table)},
		{"Description", "Every row of every file; the view " + table + "_rows has each once."},
		{"TableType", "EXTERNAL_TABLE"},
		{"Parameters", parameters},
		{"PartitionKeys", []any{object{{"Name", "tier"}, {"Type", "string"}}, object{{"Name", "dt"}, {"Type", "date"}}}},
		{"StorageDescriptor", object{
			{"Columns", glueColumns(lake.Columns(table))},
			{"Location", sub(p.folder(table))},
			{"InputFormat", "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"},
			{"OutputFormat", "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"},
			{"SerdeInfo", object{
				{"SerializationLibrary", "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
				{"Parameters", object{{"serialization.format", "1"}}},
			}},
		}},
	}
}

// glueView is the TableInput of a view, as Athena writes it itself.
func glueView(v View, columns []lake.Column) (object, error) {
	text, err := Definition(v, columns, "awsdatacatalog", "${Database}", athenaPrecision)
	if err != nil {
		return nil, err
	}
	return object{
		{"Name", v.Name},
		{"Description", v.about()},
		{"TableType", "VIRTUAL_VIEW"},
		{"Parameters", object{{"presto_view", "true"}, {"comment", "Presto View"}}},
		{"PartitionKeys", []any{}},
		{"StorageDescriptor", object{
			{"Columns", glueColumns(columns)},
			{"Location", ""},
			{"SerdeInfo", object{}},
		}},
		{"ViewOriginalText", object{{"Fn::Join", []any{"", []any{
			"/* Presto View: ", object{{"Fn::Base64", object{{"Fn::Sub", text}}}}, " */",
		}}}}},
		{"ViewExpandedText", "/* Presto View */"},
	}, nil
}

// Definition is a view in the engine's own words, JSON: its text, where its
// names are looked up, and the columns that it promises.
func Definition(v View, columns []lake.Column, catalog, schema string, precision int) (string, error) {
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	d := struct {
		SQL     string   `json:"originalSql"`
		Catalog string   `json:"catalog"`
		Schema  string   `json:"schema"`
		Columns []column `json:"columns"`
	}{SQL: v.SQL, Catalog: catalog, Schema: schema}
	if strings.Contains(v.SQL, "${") {
		return "", fmt.Errorf("the view %s has a ${, which CloudFormation would replace", v.Name)
	}
	for _, c := range columns {
		d.Columns = append(d.Columns, column{c.Name, trinoType(c.Type, precision)})
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// about is the comment that a view's text begins with, up to its first
// sentence's end.
func (v View) about() string {
	var words []string
	for line := range strings.Lines(v.SQL) {
		text, ok := strings.CutPrefix(line, "--")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(text))
	}
	first, _, _ := strings.Cut(strings.Join(words, " "), ". ")
	return strings.TrimSuffix(first, ".") + "."
}
