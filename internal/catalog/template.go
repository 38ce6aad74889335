package catalog

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/lake"
)

// The limits of a CloudFormation template.
const (
	maxTemplate  = 1_000_000 // bytes
	maxResources = 500
)

// Template is the CloudFormation template of tables, views and named queries.
func Template(columns Columns) ([]byte, error) {
	resources, err := resources(columns)
	if err != nil {
		return nil, err
	}
	doc := object{
		{"AWSTemplateFormatVersion", "2010-09-09"},
		{"Description", "Upshot: the tables over the lake's files, the views, and the named queries"},
		{"Parameters", parameters},
		{"Resources", resources},
	}
	root, err := node(doc)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("# Written by make docs; do not edit.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	if b.Len() > maxTemplate || len(resources) > maxResources {
		return nil, fmt.Errorf("the template has %d bytes and %d resources; CloudFormation takes %d and %d: split it",
			b.Len(), len(resources), maxTemplate, maxResources)
	}
	return b.Bytes(), nil
}

var parameters = object{
	{"Database", object{
		{"Type", "String"},
		{"Description", "Name of the Glue database, which is there already"},
		{"AllowedPattern", "^[a-z0-9_]{1,200}$"},
	}},
	{"LakeBucket", object{
		{"Type", "String"},
		{"Description", "Name of the bucket of the lake"},
		{"AllowedPattern", "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"},
	}},
	{"LakePrefix", object{
		{"Type", "String"},
		{"Default", "lake/"},
		{"Description", "What the keys of the lake begin with; empty or with a slash at its end"},
		{"AllowedPattern", "^([A-Za-z0-9_.-]+/)*$"},
	}},
	{"FirstDay", object{
		{"Type", "String"},
		{"Default", DefaultFirstDay},
		{"Description", "First day that queries look for; records of earlier days are in the lake but not in Athena"},
		{"AllowedPattern", "^[0-9]{4}-[01][0-9]-[0-3][0-9]$"},
	}},
	{"Workgroup", object{
		{"Type", "String"},
		{"Description", "Name of the Athena workgroup that offers the named queries"},
		{"AllowedPattern", "^[A-Za-z0-9._-]{1,128}$"},
	}},
}

// DefaultFirstDay is early enough for what is about to come, and late enough
// for its days to be listed quickly. Whoever imports older records sets it.
const DefaultFirstDay = "2026-01-01"

func ref(parameter string) any { return object{{"Ref", parameter}} }

func resources(columns Columns) (object, error) {
	var out object
	glue := func(id string, table object) {
		out = append(out, member{id, object{
			{"Type", "AWS::Glue::Table"},
			{"Properties", object{
				{"CatalogId", ref("AWS::AccountId")},
				{"DatabaseName", ref("Database")},
				{"TableInput", table},
			}},
		}})
	}
	place := Place{Location: "s3://${LakeBucket}/${LakePrefix}", First: "${FirstDay}"}
	for _, t := range lake.Tables() {
		glue("Table"+logical(t), glueTable(t, place))
	}
	for _, v := range Views() {
		table, err := glueView(v, columns[v.Name])
		if err != nil {
			return nil, err
		}
		glue("View"+logical(v.Name), table)
	}
	named, err := Queries()
	if err != nil {
		return nil, err
	}
	for _, q := range named {
		out = append(out, member{"Query" + logical(q.Name), object{
			{"Type", "AWS::Athena::NamedQuery"},
			{"Properties", object{
				{"Name", "upshot " + q.Name},
				{"Description", q.About},
				{"Database", ref("Database")},
				{"WorkGroup", ref("Workgroup")},
				{"QueryString", q.SQL},
			}},
		}})
	}
	return out, nil
}

// logical is a name as CloudFormation's resources have them.
func logical(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == ' ' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
