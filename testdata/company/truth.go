package company

import (
	_ "embed"

	"go.yaml.in/yaml/v4"
)

//go:embed truths.yaml
var truthFile []byte

// Truth is what was planted: truths.yaml.
type Truth struct {
	Planted []Planted `yaml:"truths"`
}

// Planted is one truth.
type Planted struct {
	ID   string `yaml:"id"`
	What string `yaml:"what"`
	Who  string `yaml:"who"`
	// From and To are weeks of the history, 1..26, both included.
	From int `yaml:"from"`
	To   int `yaml:"to"`
	// What it concerns; empty where it does not matter.
	Theme    string   `yaml:"theme"`
	Feature  string   `yaml:"feature"`
	Plan     string   `yaml:"plan"`
	Platform string   `yaml:"platform"`
	Source   string   `yaml:"source"`
	Release  string   `yaml:"release"`
	Metrics  []string `yaml:"metrics"`
	// Shown says whether a report must claim it (must), must not (never), or
	// shows it only in the ledger and in no metric (ledger).
	Shown string `yaml:"shown"`
	Where string `yaml:"where"`
}

func loadTruth() Truth {
	var t Truth
	if err := yaml.Unmarshal(truthFile, &t); err != nil {
		panic("company: truths.yaml: " + err.Error())
	}
	return t
}

// Find gives the truth with an id; nil when there is none.
func (t Truth) Find(id string) *Planted {
	for i := range t.Planted {
		if t.Planted[i].ID == id {
			return &t.Planted[i]
		}
	}
	return nil
}
