package cloud

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/env"
)

// Options say what to bring up.
type Options struct {
	Stack *template.Stack
	// Binaries is a folder that has NAME/bootstrap for every function.
	Binaries string
	// Engine answers the SQL of Athena over the lake in a folder.
	Engine func(lake string) athena.Engine
	// Visibility and Window, where they are not 0, shorten those of the template
	// for queues that have a consumer: a test does not wait for twelve minutes.
	Visibility, Window time.Duration
	// Concurrency is how many instances a function has at most, where the
	// template does not say; 0 is 2.
	Concurrency int
	Log         io.Writer // what the functions write; may be nil
}

// Deployment is a running deployment.
type Deployment struct {
	*template.Stack
	Host *lambda.Host
	// Lake is the folder that has the objects of the lake.
	Lake string
	// Front is the address of the API.
	Front string
	// MailStore is the address of the mail server's list of mails.
	MailStore string
	Athena    *athena.Server
	Queue     *sqs.Client
	// Operator is the environment of a person with all permissions.
	Operator []string

	t         testing.TB
	o         Options
	functions map[string]template.Function
	gates     map[string]*gate
	urls      map[string]string // of queues, by what Ref gives for them
	urlByARN  map[string]string
	arnByURL  map[string]string
	versions  map[string]int
	environ   map[string][]string // of functions
	rollOuts  []rollOut
	stopped   func()
}

// Up makes everything that the stack has, and its functions known to the host.
func Up(t testing.TB, o Options) *Deployment {
	t.Helper()
	if o.Concurrency == 0 {
		o.Concurrency = 2
	}
	d := &Deployment{
		Stack: o.Stack, Host: lambda.New(), t: t, o: o, functions: o.Stack.Functions(), gates: map[string]*gate{},
		urls: map[string]string{}, urlByARN: map[string]string{}, arnByURL: map[string]string{}, versions: map[string]int{}, environ: map[string][]string{},
	}
	t.Cleanup(d.Host.Close)
	store, moto, mail, queues := standin.S3(t), standin.Moto(t), standin.SES(t), standin.SQS(t)
	d.MailStore = mail.URL + "/store"
	cfg := standin.Config(t, moto.Endpoint, queues.Endpoint)
	d.Queue = sqs.NewFromConfig(cfg)
	d.buckets(store)
	d.queues()
	d.topics(sns.NewFromConfig(cfg))
	d.athena()
	d.Operator = standin.Environ(store.Endpoint, moto.Endpoint, mail.Endpoint, queues.Endpoint,
		standin.Endpoint{Service: "Athena", URL: d.Serve(d.Athena)}, standin.Endpoint{Service: "Lambda", URL: d.Serve(d.Host.APIs())},
		standin.Endpoint{Service: "CodeDeploy", URL: d.Serve(http.HandlerFunc(d.codeDeploy))})
	backends := map[string]http.Handler{"athena": d.Athena, "lambda": d.Host.APIs(), "codedeploy": d.Host.APIs()}
	for service, at := range map[string]string{"s3": store.URL, "sqs": queues.URL, "ses": mail.URL, "": moto.URL} {
		backends[service] = standin.Proxy(t, at)
	}
	for name, f := range d.functions {
		d.function(name, f, backends)
	}
	d.front()
	return d
}

// buckets makes them, versioned where they are, and finds the lake.
func (d *Deployment) buckets(s *standin.S3Server) {
	d.t.Helper()
	for _, b := range d.All("AWS::S3::Bucket") {
		s.Named(d.t, b.Ref)
		if b.Text("VersioningConfiguration", "Status") == "Enabled" {
			s.Version(d.t, b.Ref)
		}
	}
	d.Lake = filepath.Join(s.Root, d.Outputs["LakeBucket"], filepath.FromSlash(strings.Trim(d.Outputs["LakePrefix"], "/")))
}

// queues makes them. Dead letters come before what they are of.
func (d *Deployment) queues() {
	d.t.Helper()
	all := d.All("AWS::SQS::Queue")
	slices.SortStableFunc(all, func(a, b *template.Resource) int {
		return strings.Compare(a.Text("RedrivePolicy"), b.Text("RedrivePolicy"))
	})
	for _, q := range all {
		attributes := map[string]string{}
		if p := q.Text("RedrivePolicy"); p != "" {
			dead := q.Text("RedrivePolicy", "deadLetterTargetArn")
			url := d.urlByARN[dead]
			if url == "" {
				d.t.Fatalf("%s: its dead letters %s are no queue of the deployment", q.Where(), dead)
			}
			attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"%d"}`, d.attribute(url, "QueueArn"), q.Number("RedrivePolicy", "maxReceiveCount"))
			attributes["VisibilityTimeout"] = q.Text("VisibilityTimeout")
			if d.o.Visibility > 0 {
				attributes["VisibilityTimeout"] = fmt.Sprint(int(d.o.Visibility.Seconds()))
			}
		}
		arn := template.QueueARN(q)
		name := arn[strings.LastIndex(arn, ":")+1:]
		out, err := d.Queue.CreateQueue(d.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			d.t.Fatalf("%s: %v", q.Where(), err)
		}
		d.urls[q.Ref], d.urlByARN[arn], d.arnByURL[*out.QueueUrl] = *out.QueueUrl, *out.QueueUrl, arn
	}
}

func (d *Deployment) attribute(url, name string) string {
	d.t.Helper()
	out, err := d.Queue.GetQueueAttributes(d.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []attributeName{"All"}})
	if err != nil {
		d.t.Fatal(err)
	}
	return out.Attributes[name]
}

func (d *Deployment) topics(client *sns.Client) {
	d.t.Helper()
	for _, topic := range d.All("AWS::SNS::Topic") {
		name := topic.Ref[strings.LastIndex(topic.Ref, ":")+1:]
		out, err := client.CreateTopic(d.t.Context(), &sns.CreateTopicInput{Name: &name})
		if err != nil || aws.ToString(out.TopicArn) != topic.Ref {
			d.t.Fatalf("%s: %v, %v, want %s", topic.Where(), out, err, topic.Ref)
		}
	}
}

// athena serves the workgroups of the stack.
func (d *Deployment) athena() {
	groups := map[string]athena.Workgroup{}
	for _, w := range d.All("AWS::Athena::WorkGroup") {
		groups[w.Ref] = athena.Workgroup{
			Output: w.Text("WorkGroupConfiguration", "ResultConfiguration", "OutputLocation"),
			Cutoff: int64(w.Number("WorkGroupConfiguration", "BytesScannedCutoffPerQuery")),
		}
	}
	d.Athena = athena.New(athena.Options{Engine: d.o.Engine(d.Lake), Workgroups: groups, Clock: env.ClockFunc(time.Now)})
	d.t.Cleanup(d.Athena.Close)
}

// function deploys one function as its first version, behind its alias.
func (d *Deployment) function(name string, f template.Function, backends map[string]http.Handler) {
	d.t.Helper()
	if f.Role == nil {
		d.t.Fatalf("%s: its role is none of the deployment", f.Where())
	}
	g := &gate{
		function: name, statements: template.Statements(f.Role), backends: backends, clock: time.Now, used: map[string]bool{}, slow: map[string]slow{},
		names: names{queues: d.arnByURL, workgroup: d.Outputs["AthenaWorkgroup"], identity: d.Parameters["MailIdentity"]},
	}
	if all := d.All("AWS::CodeDeploy::Application"); len(all) > 0 {
		g.names.application = all[0].Ref
	}
	d.gates[name] = g
	if slices.ContainsFunc(g.statements, func(s template.Statement) bool { return slices.Contains(s.Actions, "athena:StartQueryExecution") }) {
		g.onQuery = func() { d.queried(g) }
	}
	d.implied(g, f)
	d.environ[name] = d.environment(name, f.Env)
	d.versions[name] = 0
	d.publish(name, filepath.Join(d.o.Binaries, name, "bootstrap"), time.Now().AddDate(0, 0, -1)) // before any roll-out
	if f.Alias == nil {
		d.t.Fatalf("%s has no alias", f.Where())
	}
	d.Host.Alias(aliasOf(f), fmt.Sprintf("%s:%d", f.Ref, d.versions[name]))
	// What is started without a version: the newest.
	d.Host.Alias(f.Ref, fmt.Sprintf("%s:%d", f.Ref, d.versions[name]))
}

// environment is an environment of the template as a process needs it: with the
// address of the function's gate, and what queues are called here.
func (d *Deployment) environment(name string, declared map[string]string) []string {
	out := standin.Environ(standin.Endpoint{URL: d.Serve(d.gates[name])})
	for k, v := range declared {
		if url := d.urls[v]; url != "" {
			v = url
		}
		out = append(out, k+"="+v)
	}
	return out
}

// publish makes a version of a function known, and gives its number.
func (d *Deployment) publish(name, bootstrap string, at time.Time) int {
	f := d.functions[name]
	d.versions[name]++
	n := f.Number("ReservedConcurrentExecutions")
	if n == 0 {
		n = d.o.Concurrency
	}
	d.Host.Add(lambda.Function{
		Name: fmt.Sprintf("%s:%d", f.Ref, d.versions[name]), Bootstrap: bootstrap, Env: d.environ[name],
		Timeout: f.Timeout, Memory: f.Memory, Concurrency: n, Log: d.o.Log, Published: at,
	})
	return d.versions[name]
}

// aliasOf is the alias of a function as the host knows it.
func aliasOf(f template.Function) string { return f.Ref + ":" + f.Alias.Text("Name") }

// front serves the API's integration.
func (d *Deployment) front() {
	d.t.Helper()
	for _, i := range d.All("AWS::ApiGatewayV2::Integration") {
		for _, f := range d.functions {
			if i.Text("IntegrationUri") == f.Alias.Ref && i.Text("PayloadFormatVersion") == "2.0" {
				d.Front = d.Serve(d.Host.HTTPAPI(aliasOf(f)))
				return
			}
		}
	}
	d.t.Fatal("no integration of the API passes requests to the alias of a function")
}

// Serve serves a handler until the test ends, and gives its address.
func (d *Deployment) Serve(h http.Handler) string {
	s := httptest.NewServer(h)
	d.t.Cleanup(s.Close)
	return s.URL
}

// Output is an output of the stack, a queue's address as it is here.
func (d *Deployment) Output(name string) string {
	if url := d.urls[d.Outputs[name]]; url != "" {
		return url
	}
	return d.Outputs[name]
}

// URL is the address of a queue by the name of the output that has it, like
// "QueueUrl".
func (d *Deployment) URL(output string) string {
	d.t.Helper()
	url := d.urls[d.Outputs[output]]
	if url == "" {
		d.t.Fatalf("the output %s is no queue", output)
	}
	return url
}

// Depth counts the messages of a queue, those in flight too.
func (d *Deployment) Depth(url string) int {
	d.t.Helper()
	n := 0
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		var v int
		_, _ = fmt.Sscan(d.attribute(url, name), &v)
		n += v
	}
	return n
}

// ARN is what a queue is called where queues name each other.
func (d *Deployment) ARN(url string) string { d.t.Helper(); return d.attribute(url, "QueueArn") }
