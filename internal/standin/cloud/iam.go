package cloud

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/lake"
)

// implied are the calls that Lambda makes in a function's name.
func (d *Deployment) implied(g *gate, f template.Function) {
	group := f.Text("LoggingConfig", "LogGroup")
	for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
		g.allow(Call{action, "arn:aws:logs:" + region + ":" + account + ":log-group:" + group + ":log-stream:2026"})
	}
	for _, c := range d.All("AWS::Lambda::EventInvokeConfig") {
		if to := c.Text("DestinationConfig", "OnFailure", "Destination"); c.Text("FunctionName") == f.Ref && to != "" {
			g.allow(Call{"sqs:SendMessage", to})
		}
	}
}

// consumes are the calls that an event source makes in a function's name.
func (d *Deployment) consumes(g *gate, queue string) {
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		g.allow(Call{action, queue})
	}
}

// queried are the calls that Athena makes in the name of who asks it: it looks
// for the tables, reads their files and writes its result.
func (d *Deployment) queried(g *gate) {
	glue := "arn:aws:glue:" + region + ":" + account + ":"
	database := d.Outputs["AthenaDatabase"]
	bucket := "arn:aws:s3:::" + d.Outputs["LakeBucket"]
	calls := []Call{
		{"glue:GetDatabase", glue + "catalog"},
		{"glue:GetDatabase", glue + "database/" + database},
		{"s3:ListBucket", bucket},
		{"s3:GetBucketLocation", bucket},
	}
	for _, t := range lake.Tables() {
		calls = append(calls, Call{"s3:GetObject", bucket + "/" + d.Outputs["LakePrefix"] + t + "/tier=hot/dt=2026-11-01/x.parquet"})
	}
	for _, t := range d.All("AWS::Glue::Table") {
		for _, action := range []string{"glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"} {
			calls = append(calls, Call{action, glue + "table/" + database + "/" + t.Text("TableInput", "Name")})
		}
	}
	for _, w := range d.All("AWS::Athena::WorkGroup") {
		results := strings.TrimPrefix(w.Text("WorkGroupConfiguration", "ResultConfiguration", "OutputLocation"), "s3://")
		results, prefix, _ := strings.Cut(results, "/")
		for _, action := range []string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"} {
			calls = append(calls, Call{action, "arn:aws:s3:::" + results + "/" + prefix + "id.csv"})
		}
		for _, action := range []string{"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"} {
			calls = append(calls, Call{action, "arn:aws:s3:::" + results})
		}
	}
	for _, c := range calls {
		g.allow(c)
	}
}

// Denied are the calls that a role did not allow, and requests that make no
// sense; Unused the permissions that no call needed so far, by function.
func (d *Deployment) Denied() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.gates)) {
		g := d.gates[name]
		g.mu.Lock()
		out = append(out, g.faults...)
		g.mu.Unlock()
	}
	return out
}

// Unused are the permissions that no call needed so far, as "function: statement
// action".
func (d *Deployment) Unused() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.gates)) {
		for _, u := range d.gates[name].unused() {
			out = append(out, fmt.Sprintf("%s: %s", name, u))
		}
	}
	return out
}
