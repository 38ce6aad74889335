package awsenv

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Deployment is where a function stands: what template.yaml writes into its
// environment. A field is empty when its variable is not set; each function
// checks what it needs with Require.
type Deployment struct {
	Stage            string // UPSHOT_STAGE, "prod" when not set
	LakeBucket       string // UPSHOT_LAKE_BUCKET
	LakePrefix       string // UPSHOT_LAKE_PREFIX, "lake/" when not set; empty or ends with a slash
	QueueURL         string // UPSHOT_QUEUE_URL
	DeadLetterURL    string // UPSHOT_DLQ_URL
	Secrets          string // UPSHOT_SECRETS, like "ssm:/upshot/prod"
	Workgroup        string // UPSHOT_ATHENA_WORKGROUP
	Database         string // UPSHOT_ATHENA_DATABASE
	Catalog          string // UPSHOT_ATHENA_CATALOG, "AwsDataCatalog" when not set
	AlertTopic       string // UPSHOT_ALERT_TOPIC, an SNS ARN
	ConfigurationSet string // UPSHOT_MAIL_CONFIGURATION_SET
	Config           string // UPSHOT_CONFIG, path of upshot.yaml; beside the function's code when not set
	MetricsNamespace string // UPSHOT_METRICS_NAMESPACE, "Upshot" when not set
	FirstDay         string // that Athena looks for; a parameter of the stack, which only FromStack knows
}

// variable ties an environment variable to its field, its value when it is not
// set, and its check.
type variable struct {
	name     string
	field    func(*Deployment) *string
	fallback string
	check    func(string) error
}

var variables = []variable{
	{"UPSHOT_STAGE", func(d *Deployment) *string { return &d.Stage }, "prod", nil},
	{"UPSHOT_LAKE_BUCKET", func(d *Deployment) *string { return &d.LakeBucket }, "", checkBucket},
	{"UPSHOT_LAKE_PREFIX", func(d *Deployment) *string { return &d.LakePrefix }, "lake/", checkPrefix},
	{"UPSHOT_QUEUE_URL", func(d *Deployment) *string { return &d.QueueURL }, "", checkURL},
	{"UPSHOT_DLQ_URL", func(d *Deployment) *string { return &d.DeadLetterURL }, "", checkURL},
	{"UPSHOT_SECRETS", func(d *Deployment) *string { return &d.Secrets }, "", checkSecrets},
	{"UPSHOT_ATHENA_WORKGROUP", func(d *Deployment) *string { return &d.Workgroup }, "", nil},
	{"UPSHOT_ATHENA_DATABASE", func(d *Deployment) *string { return &d.Database }, "", nil},
	{"UPSHOT_ATHENA_CATALOG", func(d *Deployment) *string { return &d.Catalog }, "AwsDataCatalog", nil},
	{"UPSHOT_ALERT_TOPIC", func(d *Deployment) *string { return &d.AlertTopic }, "", checkTopic},
	{"UPSHOT_MAIL_CONFIGURATION_SET", func(d *Deployment) *string { return &d.ConfigurationSet }, "", nil},
	{"UPSHOT_CONFIG", func(d *Deployment) *string { return &d.Config }, "", nil},
	{"UPSHOT_METRICS_NAMESPACE", func(d *Deployment) *string { return &d.MetricsNamespace }, "Upshot", checkNamespace},
}

// FromEnvironment reads the deployment by lookup, which is os.LookupEnv in a
// function. All variables of a wrong form are told at once in a fault of kind
// Permanent. A variable that is set to nothing counts as not set.
func FromEnvironment(lookup func(string) (string, bool)) (Deployment, error) {
	var d Deployment
	var errs []error
	for _, v := range variables {
		value, _ := lookup(v.name)
		value = strings.TrimSpace(value)
		if value == "" {
			*v.field(&d) = v.fallback
			continue
		}
		*v.field(&d) = value
		if v.check == nil {
			continue
		}
		if err := v.check(value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: %w", v.name, value, err))
		}
	}
	if d.Config == "" {
		root, _ := lookup("LAMBDA_TASK_ROOT")
		d.Config = path.Join(root, "upshot.yaml")
	}
	if d.LakePrefix == "/" { // the way to say "the whole bucket", as empty means the default
		d.LakePrefix = ""
	}
	if len(errs) > 0 {
		return Deployment{}, fault.New(fault.Permanent, fmt.Errorf("the environment of the function: %w", errors.Join(errs...)))
	}
	return d, nil
}

// Require says which of the named variables are not set, in a fault of kind
// Permanent. A name that FromEnvironment does not read panics.
func (d Deployment) Require(names ...string) error {
	var missing []string
	for _, name := range names {
		if *find(name).field(&d) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fault.Permanentf("not set in the environment of the function: %s; template.yaml sets them", strings.Join(missing, ", "))
	}
	return nil
}

func find(name string) variable {
	for _, v := range variables {
		if v.name == name {
			return v
		}
	}
	panic("awsenv: " + name + " is no variable of a deployment")
}

func checkBucket(s string) error {
	if len(s) < 3 || len(s) > 63 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return errors.New("a bucket name has 3 to 63 lower-case letters, digits, dots and hyphens")
	}
	return nil
}

// checkPrefix makes sure that every key below the prefix is one that
// env.CheckKey allows.
func checkPrefix(s string) error {
	if s == "/" {
		return nil
	}
	if !strings.HasSuffix(s, "/") {
		return errors.New("a prefix ends with a slash (\"/\" alone is the whole bucket)")
	}
	return env.CheckKey(strings.TrimSuffix(s, "/"))
}

func checkURL(s string) error {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return errors.New("a queue is named by its URL, like https://sqs.eu-west-1.amazonaws.com/123456789012/name")
	}
	return nil
}

func checkSecrets(s string) error {
	_, _, err := parseLocation(s)
	return err
}

func checkTopic(s string) error {
	if !strings.HasPrefix(s, "arn:") || strings.Count(s, ":") != 5 {
		return errors.New("a topic is named by its ARN, like arn:aws:sns:eu-west-1:123456789012:name")
	}
	return nil
}

func checkNamespace(s string) error {
	if strings.HasPrefix(s, "AWS/") || strings.HasPrefix(s, ":") || len(s) > 255 {
		return errors.New("a namespace has at most 255 characters and does not start with \"AWS/\" or a colon")
	}
	return nil
}

// parseLocation splits "ssm:/upshot/prod" into the service and the prefix of
// the names, which has no slash at its end.
func parseLocation(s string) (service, prefix string, err error) {
	service, prefix, _ = strings.Cut(s, ":")
	prefix = strings.TrimSuffix(prefix, "/")
	switch {
	case service == "ssm" && strings.HasPrefix(prefix, "/") && len(prefix) > 1:
	case service == "secretsmanager" && prefix != "" && !strings.HasPrefix(prefix, "/"):
	default:
		return "", "", fault.Permanentf("secrets are at ssm:/<path> (Parameter Store) or secretsmanager:<path>, like ssm:/upshot/prod")
	}
	return service, prefix, nil
}
