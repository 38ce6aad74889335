// Package infra_test holds the templates against the code, and the checks
// against templates that are broken on purpose.
package infra_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/template"
)

// answers are those to the questions that have no default.
var answers = map[string]string{"AlertEmail": "on-call@example.com", "MailIdentity": "example.com", "TimeZone": "Europe/Berlin"}

// variants are the ways of deploying that every check looks at: by the defaults,
// and with everything that can be switched on.
var variants = map[string]map[string]string{
	"default": {},
	"everything": {
		"Stage": "test", "DomainName": "hooks.example.com", "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x", "HostedZoneId": "Z123",
		"IngestConcurrency": "50", "SecondReportName": "monthly", "Rollout": "Linear10PercentEvery1Minute", "Encryption": "customer-key",
		"SecretStore": "secretsmanager", "Tracing": "Active", "PermissionsBoundary": "arn:aws:iam::123456789012:policy/b", "MailIdentity": "reports@example.com",
	},
	"function URL, no mail": {
		"Front": "function-url", "MailIdentity": "", "ReportName": "", "RollbackOnAlarm": "false", "CreateMailIdentity": "false",
	},
}

// load transforms the template in a folder.
func load(t *testing.T, folder string) (template.Set, error) {
	t.Helper()
	python := standin.Installed(t, "lint/bin/python", "the templates, as CloudFormation sees them")
	return template.Load(t.Context(), python, filepath.Join(folder, "template.yaml"))
}

// deploy deploys a variant.
func deploy(set template.Set, variant string) (*template.Stack, error) {
	given := maps.Clone(answers)
	maps.Copy(given, variants[variant])
	return set.Deploy(template.Options{Name: "upshot-prod", Parameters: given})
}

// site is a deployment and what it is held against.
type site struct {
	*template.Stack
	set       template.Set
	functions map[string]template.Function
	mains     map[string]string // source of functions/*/main.go by package
	findings  []string
}

// look makes every check in every variant, and gives what was found.
func look(t *testing.T, folder string) []string {
	t.Helper()
	set, err := load(t, folder)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, variant := range slices.Sorted(maps.Keys(variants)) {
		st, err := deploy(set, variant)
		if err != nil {
			out = append(out, variant+": "+err.Error())
			continue
		}
		s := &site{Stack: st, set: set, functions: st.Functions(), mains: mains(t)}
		for _, check := range checks {
			check(t, s)
		}
		for _, f := range s.findings {
			out = append(out, variant+": "+f)
		}
	}
	return out
}

func (s *site) found(r *template.Resource, message string) {
	s.findings = append(s.findings, r.Where()+": "+message)
}

// mains are the sources of the functions.
func mains(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../functions/*/main.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("functions: %v, %v", files, err)
	}
	out := map[string]string{}
	for _, f := range files {
		out[filepath.Base(filepath.Dir(f))] = read(t, f)
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// needs are the variables that a function's main asks for.
func needs(main string) []string {
	out := regexp.MustCompile(`"(UPSHOT_[A-Z_]+)"`).FindAllString(main, -1)
	for i := range out {
		out[i] = strings.Trim(out[i], `"`)
	}
	return append(out, "UPSHOT_LAKE_BUCKET")
}
