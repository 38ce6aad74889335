package template

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Deploy decides and follows everything. Undefined names, circles, parameters
// that are missing or of a wrong form: all of them are told at once.
func (s Set) Deploy(o Options) (*Stack, error) {
	o.Root, o.Region, o.Account = cmp.Or(o.Root, "template.yaml"), cmp.Or(o.Region, "us-east-1"), cmp.Or(o.Account, "123456789012")
	return s.deploy(o, o.Root, o.Name, o.Parameters)
}

func (s Set) deploy(o Options, path, name string, given map[string]string) (*Stack, error) {
	file := s[path]
	if file == nil {
		return nil, fmt.Errorf("there is no template %s", path)
	}
	st := &Stack{
		Name: name, Path: path, Resources: map[string]*Resource{}, Outputs: map[string]string{}, Nested: map[string]*Stack{},
		set: s, file: file, o: o,
	}
	var errs []error
	fail := func(where string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", path, where, err))
		}
	}
	var err error
	if st.Parameters, err = file.parameters(given); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, c := range sorted(file.Conditions) {
		_, err := st.condition(c)
		fail("condition "+c, err)
	}
	for _, id := range sorted(file.Resources) {
		_, err := st.resource(id)
		fail(id, err)
	}
	for _, id := range sorted(file.Outputs) {
		v, err := st.eval(file.Outputs[id]["Value"])
		fail("output "+id, err)
		st.Outputs[id] = text(v)
	}
	return st, unique(errs)
}

// unique joins errors, each message once: what many refer to fails for each.
func unique(errs []error) error {
	seen := map[string]bool{}
	errs = slices.DeleteFunc(errs, func(err error) bool {
		last := err
		for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
			last = e
		}
		known := seen[last.Error()]
		seen[last.Error()] = true
		return known
	})
	return errors.Join(errs...)
}

// parameters checks what is given, and fills in the defaults.
func (f *File) parameters(given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	var errs []error
	for name := range given {
		if _, ok := f.Parameters[name]; !ok {
			errs = append(errs, fmt.Errorf("there is no parameter %s", name))
		}
	}
	for _, name := range sorted(f.Parameters) {
		p := f.Parameters[name]
		v, ok := given[name]
		if !ok && p.Default == nil {
			errs = append(errs, fmt.Errorf("the parameter %s is not given", name))
			continue
		}
		if !ok {
			v = text(p.Default)
		}
		if err := p.check(v); err != nil {
			errs = append(errs, fmt.Errorf("the parameter %s: %w", name, err))
		}
		out[name] = v
	}
	return out, errors.Join(errs...)
}

func (p Parameter) check(v string) error {
	if p.AllowedPattern != "" {
		re, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
		if err != nil {
			return err
		}
		if !re.MatchString(v) {
			return fmt.Errorf("%q does not match %s", v, p.AllowedPattern)
		}
	}
	if p.AllowedValues != nil && !slices.ContainsFunc(p.AllowedValues, func(a any) bool { return text(a) == v }) {
		return fmt.Errorf("%q is none of %v", v, p.AllowedValues)
	}
	if p.Type == "Number" {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || p.MinValue != nil && n < *p.MinValue || p.MaxValue != nil && n > *p.MaxValue {
			return fmt.Errorf("%q is no number in its range", v)
		}
	}
	return nil
}

// condition decides a condition by its name.
func (s *Stack) condition(name string) (bool, error) {
	c, ok := s.file.Conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	v, err := s.eval(c)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("the condition %s is %v, neither true nor false", name, v)
	}
	return b, nil
}

// resource deploys a resource once; nil when its condition does not hold.
func (s *Stack) resource(id string) (*Resource, error) {
	if r := s.Resources[id]; r != nil {
		return r, nil
	}
	d, ok := s.file.Resources[id]
	if !ok {
		return nil, fmt.Errorf("there is no resource %s", id)
	}
	if d.Condition != "" {
		if on, err := s.condition(d.Condition); err != nil || !on {
			return nil, err
		}
	}
	if slices.Contains(s.doing, id) {
		return nil, fmt.Errorf("a circle: %s", strings.Join(append(s.doing, id), " -> "))
	}
	s.doing = append(s.doing, id)
	defer func() { s.doing = s.doing[:len(s.doing)-1] }()
	r := &Resource{ID: id, Stack: s, Type: d.Type}
	v, err := s.eval(d.Properties)
	if err != nil {
		return nil, err
	}
	r.Properties, _ = v.(map[string]any)
	if v, err = s.eval(d.UpdatePolicy); err != nil {
		return nil, err
	}
	r.Policy, _ = v.(map[string]any)
	if d.Type == "AWS::CloudFormation::Stack" {
		if err := s.nest(r); err != nil {
			return nil, err
		}
	}
	r.Ref = r.ref()
	s.Resources[id] = r
	return r, nil
}

// nest deploys the template that a resource names.
func (s *Stack) nest(r *Resource) error {
	given := map[string]string{}
	all, _ := r.Properties["Parameters"].(map[string]any)
	for k, v := range all {
		given[k] = text(v)
	}
	path := r.Text("TemplateURL")
	nested, err := s.set.deploy(s.o, path, s.Name+"-"+r.ID, given)
	if err != nil {
		return err
	}
	s.Nested[r.ID] = nested
	return nil
}
