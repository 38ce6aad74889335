// Package config reads upshot.yaml: the one file that says what a deployment
// is. It is read strictly; every fault is reported at once, each with its line.
package config

import (
	"time"

	"upshot.dev/upshot/pipeline/record"
)

// Config is upshot.yaml. The yaml names are the contract.
type Config struct {
	Timezone    string            `yaml:"timezone"`
	Lake        string            `yaml:"lake"`
	Listen      string            `yaml:"listen"`
	IdentityKey string            `yaml:"identity_key"`
	Sources     map[string]Source `yaml:"sources"`
	Product     Product           `yaml:"product"`
	Mail        Mail              `yaml:"mail"`
	Reports     map[string]Report `yaml:"reports"`

	// Dir is the folder of the file: relative paths in it start there.
	Dir string `yaml:"-"`
	// Location is Timezone, loaded.
	Location *time.Location `yaml:"-"`

	lines  index
	file   string
	packed bool // secrets are elsewhere
}

// Source is one configured sender; its key in Config.Sources is {name} in
// /hooks/{name} and the value of every row's source column.
type Source struct {
	Type    string   `yaml:"type"`    // a registered type, or empty with Mapping
	Mapping string   `yaml:"mapping"` // a mapping file
	Secrets []string `yaml:"secrets"`
}

// Product says what the company's numbers mean.
type Product struct {
	ActiveEvents []string           `yaml:"active_events"`
	Features     map[string]Matcher `yaml:"features"`
	Activation   *Activation        `yaml:"activation"`
	Funnels      map[string]Funnel  `yaml:"funnels"`
	Tasks        map[string]Task    `yaml:"tasks"`
	Errors       *Matcher           `yaml:"errors"`
	Exclude      Exclude            `yaml:"exclude"`
}

// Matcher chooses events: kind track, page or screen, a name in Events, and
// every Where value equal to the property as JSON (number with number, text
// with text, boolean with boolean).
type Matcher struct {
	Events []string       `yaml:"events"`
	Where  map[string]any `yaml:"where"`
}

// Activation is what a new person does once they have understood the product.
type Activation struct {
	Matcher `yaml:",inline"`
	Within  Duration `yaml:"within"`
}

// Funnel is a row of steps to be done in order within a time.
type Funnel struct {
	Steps  []Matcher `yaml:"steps"`
	Within Duration  `yaml:"within"`
}

// Task is something that people start and want to see done.
type Task struct {
	Start  Matcher  `yaml:"start"`
	Done   Matcher  `yaml:"done"`
	Within Duration `yaml:"within"`
}

// Exclude names whose records no metric counts.
type Exclude struct {
	EmailDomains []string `yaml:"email_domains"`
	UserIDs      []string `yaml:"user_ids"`
}

// Record gives the rule in the form that processing applies.
func (e Exclude) Record() record.Exclusion {
	return record.Exclusion{EmailDomains: e.EmailDomains, UserIDs: e.UserIDs}
}

// Mail says how reports leave: by SMTP or into a folder, not both.
type Mail struct {
	From      string `yaml:"from"`
	SMTP      string `yaml:"smtp"`
	Directory string `yaml:"directory"`
}

// Report is one scheduled report.
type Report struct {
	Period   string   `yaml:"period"`   // day, week, month
	Schedule string   `yaml:"schedule"` // five cron fields in Timezone
	To       []string `yaml:"to"`
}

// Duration is a length of time written like "90m", "24h" or "7d"; a day has 24
// hours.
type Duration time.Duration
