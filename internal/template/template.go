// Package template reads the CloudFormation templates of this project as a
// deployment would see them: nested stacks with their parameters, conditions
// decided, references followed to names and ARNs. It asks nothing of AWS, so
// what AWS would make up, like ids, is made up here.
//
// Tests hold the templates against the code with it, and the system on stand-ins
// takes its functions, environments, event sources and schedules from it.
package template

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Set are the templates of a deployment by their paths, as transform.py writes
// them: CloudFormation JSON without SAM.
type Set map[string]*File

// File is one template.
type File struct {
	Parameters map[string]Parameter      `json:"Parameters"`
	Conditions map[string]any            `json:"Conditions"`
	Resources  map[string]Declaration    `json:"Resources"`
	Outputs    map[string]map[string]any `json:"Outputs"`
	Metadata   map[string]any            `json:"Metadata"`
}

// Parameter is a parameter as it is declared.
type Parameter struct {
	Type           string `json:"Type"`
	Description    string `json:"Description"`
	Default        any    `json:"Default"`
	AllowedPattern string `json:"AllowedPattern"`
	AllowedValues  []any  `json:"AllowedValues"`
	MinValue       *float64
	MaxValue       *float64
}

// Declaration is a resource as it is declared.
type Declaration struct {
	Type           string         `json:"Type"`
	Condition      string         `json:"Condition"`
	Properties     map[string]any `json:"Properties"`
	UpdatePolicy   map[string]any `json:"UpdatePolicy"`
	DeletionPolicy string         `json:"DeletionPolicy"`
	DependsOn      any            `json:"DependsOn"`
}

// Load transforms a template and those that it nests with the script beside
// them, by a Python that has the script's needs.
func Load(ctx context.Context, python, root string) (Set, error) {
	cmd := exec.CommandContext(ctx, python, filepath.Join(filepath.Dir(root), "infra", "transform.py"), root) //nolint:gosec // the caller names its own files
	var out, message bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &message
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("transform %s: %w: %s", root, err, strings.TrimSpace(message.String()))
	}
	return Parse(out.Bytes())
}

// Parse reads what transform.py wrote.
func Parse(b []byte) (Set, error) {
	var s Set
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read the transformed template: %w", err)
	}
	if len(s) == 0 {
		return nil, errors.New("read the transformed template: it is empty")
	}
	return s, nil
}

// Options are what a deployment is made with. Region and Account have defaults.
type Options struct {
	Root       string // path of the root template in the set, "template.yaml" when empty
	Name       string // of the stack
	Region     string
	Account    string
	Parameters map[string]string
}

// Stack is a deployed template.
type Stack struct {
	Name       string
	Path       string // of its template
	Parameters map[string]string
	Resources  map[string]*Resource // those whose condition holds
	Outputs    map[string]string
	Nested     map[string]*Stack // by the resource's name

	set   Set
	file  *File
	o     Options
	doing []string // what is being evaluated, for circles
}

// Resource is a deployed resource.
type Resource struct {
	ID         string // its name in the template
	Stack      *Stack
	Type       string
	Properties map[string]any // without intrinsic functions
	Policy     map[string]any // its UpdatePolicy
	Ref        string         // what Ref gives
}

// All are the resources of a type in the stack and those that it nests, in the
// order of their stacks and names.
func (s *Stack) All(kind string) []*Resource {
	var out []*Resource
	for _, id := range sorted(s.Resources) {
		if r := s.Resources[id]; r.Type == kind {
			out = append(out, r)
		}
	}
	for _, id := range sorted(s.Nested) {
		out = append(out, s.Nested[id].All(kind)...)
	}
	return out
}

// Where names a resource for a message.
func (r *Resource) Where() string { return r.Stack.Path + ": " + r.ID }

// Text is a property, by its path, as text; empty when it is not there.
func (r *Resource) Text(path ...string) string { return text(r.Get(path...)) }

// Number is a property, by its path, as a whole number; 0 when it is none.
func (r *Resource) Number(path ...string) int {
	var n int
	_, _ = fmt.Sscan(text(r.Get(path...)), &n)
	return n
}

// Get is a property by its path through objects; nil when it is not there.
func (r *Resource) Get(path ...string) any {
	var v any = r.Properties
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// text writes scalars as CloudFormation passes them on.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return v.String()
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
