package catalog

import (
	"bytes"
	"fmt"

	"upshot.dev/upshot/pipeline/lake"
)

// Tables are the statements that create the tables in Athena, for whoever sets
// a database up by hand.
func Tables() []byte {
	var b bytes.Buffer
	b.WriteString(`-- Written by make docs; do not edit.
-- The tables over the lake's files. Put your bucket, prefix and first day in:
-- records of days before it are in the lake, but no query sees them.
`)
	for _, t := range lake.Tables() {
		fmt.Fprintf(&b, "\n%s;\n", AthenaTable(t, Place{Location: "s3://BUCKET/lake/", First: DefaultFirstDay}))
	}
	return b.Bytes()
}

// ViewStatements are those that create the views, in an order in which they
// can be run.
func ViewStatements() []byte {
	var b bytes.Buffer
	b.WriteString("-- Written by make docs; do not edit.\n-- The views; only these promise no duplicates. Athena takes one statement at a time.\n")
	for _, v := range Views() {
		fmt.Fprintf(&b, "\n%s;\n", v.Create())
	}
	return b.Bytes()
}
