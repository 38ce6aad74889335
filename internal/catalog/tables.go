package catalog

import (
	"fmt"
	"strings"

	"upshot.dev/upshot/pipeline/lake"
)

// Until is the last day that is looked for unless another is given: tomorrow
// in UTC, because a sender's clock may be a little ahead.
const Until = "NOW+1DAY"

// Place says where a lake lies and which of its days are looked for.
type Place struct {
	// Location is the address of the lake's folder with a slash at its end, like
	// s3://bucket/lake/ or local:///folder/.
	Location string
	// First and Last are dates like 2026-01-01. Files of other days are not
	// seen. Last is Until when it is empty.
	First, Last string
}

func (p Place) last() string {
	if p.Last == "" {
		return Until
	}
	return p.Last
}

// TableName is what a table's files are called in SQL: the plain names are
// those of the views, which have each record once.
func TableName(table string) string { return table + "_all" }

func (p Place) folder(table string) string { return p.Location + table + "/" }

func (p Place) template(table string) string { return p.folder(table) + "tier=${tier}/dt=${dt}/" }

// projection says how the engine finds the partitions without asking a
// catalog: each tier of each day is one, whether or not it has files.
func (p Place) projection(table string) [][2]string {
	return [][2]string{
		{"projection.enabled", "true"},
		{"projection.tier.type", "enum"},
		{"projection.tier.values", lake.Base + "," + lake.Hot},
		{"projection.dt.type", "date"},
		{"projection.dt.format", "yyyy-MM-dd"},
		{"projection.dt.range", p.First + "," + p.last()},
		{"projection.dt.interval", "1"},
		{"projection.dt.interval.unit", "DAYS"},
		{"storage.location.template", p.template(table)},
	}
}

// AthenaTable is the statement that creates a table in Athena.
func AthenaTable(table string, p Place) string {
	var columns, properties []string
	for _, c := range lake.Columns(table) {
		columns = append(columns, fmt.Sprintf("  `%s` %s", c.Name, hiveType(c.Type)))
	}
	for _, kv := range p.projection(table) {
		properties = append(properties, fmt.Sprintf("  '%s' = '%s'", kv[0], kv[1]))
	}
	return fmt.Sprintf("CREATE EXTERNAL TABLE IF NOT EXISTS `%s` (\n%s\n)\nPARTITIONED BY (`tier` string, `dt` date)\nSTORED AS PARQUET\nLOCATION '%s'\nTBLPROPERTIES (\n%s\n)",
		TableName(table), strings.Join(columns, ",\n"), p.folder(table), strings.Join(properties, ",\n"))
}

// TrinoTable is the statement that creates a table in Trino's Hive connector.
// precision is the number of decimals of a second that the connector reads: 3
// as in Athena.
func TrinoTable(table string, p Place, precision int) string {
	var columns []string
	for _, c := range lake.Columns(table) {
		columns = append(columns, fmt.Sprintf(`  "%s" %s`, c.Name, trinoType(c.Type, precision)))
	}
	return fmt.Sprintf(`CREATE TABLE %s (
%s,
  tier varchar WITH (partition_projection_type = 'enum', partition_projection_values = ARRAY['%s', '%s']),
  dt date WITH (partition_projection_type = 'date', partition_projection_format = 'yyyy-MM-dd',
    partition_projection_range = ARRAY['%s', '%s'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS')
) WITH (format = 'PARQUET', external_location = '%s', partitioned_by = ARRAY['tier', 'dt'],
  partition_projection_enabled = true, partition_projection_location_template = '%s')`,
		TableName(table), strings.Join(columns, ",\n"), lake.Base, lake.Hot, p.First, p.last(), p.folder(table), p.template(table))
}

// hiveType is the name that Glue and Athena's DDL have for a type.
func hiveType(t string) string {
	if in, ok := inside(t, "array("); ok {
		return "array<" + hiveType(in) + ">"
	}
	if in, ok := inside(t, "map("); ok {
		k, v, _ := strings.Cut(in, ", ") // keys are texts
		return "map<" + hiveType(k) + "," + hiveType(v) + ">"
	}
	switch {
	case t == "varchar":
		return "string"
	case t == "integer":
		return "int"
	case strings.HasPrefix(t, "timestamp"):
		return "timestamp"
	default:
		return t // bigint, double, boolean, date
	}
}

// trinoType is a type with the connector's precision.
func trinoType(t string, precision int) string {
	return strings.ReplaceAll(t, "timestamp(6)", fmt.Sprintf("timestamp(%d)", precision))
}

func inside(t, open string) (string, bool) {
	in, ok := strings.CutPrefix(t, open)
	return strings.TrimSuffix(in, ")"), ok
}
