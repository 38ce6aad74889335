package awsenv_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// lookup is os.LookupEnv over a map.
func lookup(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func TestFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		name string
		vars map[string]string
		want awsenv.Deployment
	}{
		{"nothing set", nil, awsenv.Deployment{
			Stage: "prod", LakePrefix: "lake/", Catalog: "AwsDataCatalog", Config: "upshot.yaml", MetricsNamespace: "Upshot",
		}},
		{"everything set", map[string]string{
			"UPSHOT_STAGE": "test", "UPSHOT_LAKE_BUCKET": "acme-lake", "UPSHOT_LAKE_PREFIX": "a/b/",
			"UPSHOT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/q", "UPSHOT_DLQ_URL": "http://127.0.0.1:9/1/dead",
			"UPSHOT_SECRETS": "secretsmanager:upshot/test", "UPSHOT_ATHENA_WORKGROUP": "w", "UPSHOT_ATHENA_DATABASE": "d",
			"UPSHOT_ATHENA_CATALOG": "c", "UPSHOT_ALERT_TOPIC": "arn:aws:sns:eu-west-1:123456789012:alerts",
			"UPSHOT_MAIL_CONFIGURATION_SET": "mails", "UPSHOT_CONFIG": "/etc/upshot.yaml", "UPSHOT_METRICS_NAMESPACE": "Acme",
		}, awsenv.Deployment{
			Stage: "test", LakeBucket: "acme-lake", LakePrefix: "a/b/",
			QueueURL: "https://sqs.eu-west-1.amazonaws.com/1/q", DeadLetterURL: "http://127.0.0.1:9/1/dead",
			Secrets: "secretsmanager:upshot/test", Workgroup: "w", Database: "d",
			Catalog: "c", AlertTopic: "arn:aws:sns:eu-west-1:123456789012:alerts",
			ConfigurationSet: "mails", Config: "/etc/upshot.yaml", MetricsNamespace: "Acme",
		}},
		{"the configuration is packed with the code, the lake is the whole bucket", map[string]string{
			"LAMBDA_TASK_ROOT": "/var/task", "UPSHOT_LAKE_PREFIX": "/", "UPSHOT_STAGE": " ",
		}, awsenv.Deployment{
			Stage: "prod", Catalog: "AwsDataCatalog", Config: "/var/task/upshot.yaml", MetricsNamespace: "Upshot",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := awsenv.FromEnvironment(lookup(c.vars))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("deployment (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFromEnvironmentTellsAllFaults: one deployment finds them all.
func TestFromEnvironmentTellsAllFaults(t *testing.T) {
	wrong := map[string]string{
		"UPSHOT_LAKE_BUCKET": "Acme_Lake", "UPSHOT_LAKE_PREFIX": "lake", "UPSHOT_QUEUE_URL": "queue",
		"UPSHOT_DLQ_URL": "arn:aws:sqs:x", "UPSHOT_SECRETS": "vault:/upshot", "UPSHOT_ALERT_TOPIC": "alerts",
		"UPSHOT_METRICS_NAMESPACE": "AWS/Lambda",
	}
	_, err := awsenv.FromEnvironment(lookup(wrong))
	if !fault.Is(err, fault.Permanent) {
		t.Fatalf("%v, want a fault of kind Permanent", err)
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s is not told in: %v", name, err)
		}
	}
	for _, prefix := range []string{"a//b/", "../", "./", "/abs/", "lake"} {
		if _, err := awsenv.FromEnvironment(lookup(map[string]string{"UPSHOT_LAKE_PREFIX": prefix})); err == nil {
			t.Errorf("the prefix %q is accepted", prefix)
		}
	}
}

func TestRequire(t *testing.T) {
	d := awsenv.Deployment{LakeBucket: "b"}
	if err := d.Require("UPSHOT_LAKE_BUCKET"); err != nil {
		t.Error(err)
	}
	err := d.Require("UPSHOT_LAKE_BUCKET", "UPSHOT_QUEUE_URL", "UPSHOT_SECRETS")
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "UPSHOT_QUEUE_URL, UPSHOT_SECRETS") {
		t.Errorf("%v, want the two missing ones", err)
	}
}

func TestLoadWithoutRegion(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	if _, err := awsenv.Load(t.Context()); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("load without a region: %v", err)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	if cfg, err := awsenv.Load(t.Context()); err != nil || cfg.Region != "eu-west-1" {
		t.Errorf("load: %v, %v", cfg.Region, err)
	}
}

// TestLoadAsksTheEndpointsOfTheEnvironment is how a function finds the
// stand-ins.
func TestLoadAsksTheEndpointsOfTheEnvironment(t *testing.T) {
	srv := standin.S3(t)
	for _, v := range standin.Environ(srv.Endpoint) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	cfg, err := awsenv.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: srv.Bucket(t, "environment"), Prefix: "lake/"})
	put(t, s, "a", "x")
	if got := get(t, s, "a"); got != "x" {
		t.Errorf("got %q", got)
	}
}
