package template

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// noValue is what AWS::NoValue gives: the property is not there.
type noValue struct{}

// eval replaces every intrinsic function in v.
func (s *Stack) eval(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, arg, ok := intrinsic(v); ok {
			out, err := s.call(name, arg)
			if err != nil {
				return nil, err
			}
			return out, nil
		}
		out := map[string]any{}
		for _, k := range sorted(v) {
			x, err := s.eval(v[k])
			if err != nil {
				return nil, err
			}
			if _, gone := x.(noValue); !gone {
				out[k] = x
			}
		}
		return out, nil
	case []any:
		out := []any{}
		for _, e := range v {
			x, err := s.eval(e)
			if err != nil {
				return nil, err
			}
			if _, gone := x.(noValue); !gone {
				out = append(out, x)
			}
		}
		return out, nil
	}
	return v, nil
}

// intrinsic says whether an object is a call of an intrinsic function.
func intrinsic(m map[string]any) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, arg = range m {
		if strings.HasPrefix(name, "Fn::") || name == "Ref" {
			return name, arg, true
		}
		if _, isText := arg.(string); name == "Condition" && isText {
			return name, arg, true
		}
	}
	return "", nil, false
}

func (s *Stack) call(name string, arg any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(text(arg))
	case "Condition":
		return s.condition(text(arg))
	case "Fn::If":
		list, ok := arg.([]any)
		if !ok || len(list) != 3 {
			return nil, errors.New("Fn::If takes a condition and two values")
		}
		on, err := s.condition(text(list[0]))
		if err != nil {
			return nil, err
		}
		if on {
			return s.eval(list[1])
		}
		return s.eval(list[2])
	}
	if name == "Fn::Sub" {
		return s.sub(arg)
	}
	v, err := s.eval(arg)
	if err != nil {
		return nil, err
	}
	if name == "Fn::GetAtt" {
		id, attribute, err := attributeOf(v)
		if err != nil {
			return nil, err
		}
		return s.getAtt(id, attribute)
	}
	if name == "Fn::Base64" {
		return base64.StdEncoding.EncodeToString([]byte(text(v))), nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s does not take %.100v", name, v)
	}
	return pure(name, list)
}

// pure are the functions of their arguments alone.
func pure(name string, list []any) (any, error) {
	switch {
	case name == "Fn::Equals" && len(list) == 2:
		return text(list[0]) == text(list[1]), nil
	case name == "Fn::Not" && len(list) == 1:
		return list[0] != true, nil
	case name == "Fn::And" || name == "Fn::Or":
		for _, v := range list {
			if v == (name == "Fn::Or") {
				return v, nil
			}
		}
		return name == "Fn::And", nil
	case name == "Fn::Join" && len(list) == 2:
		items, ok := list[1].([]any)
		if !ok {
			break
		}
		parts := make([]string, len(items))
		for i, v := range items {
			parts[i] = text(v)
		}
		return strings.Join(parts, text(list[0])), nil
	case name == "Fn::Split" && len(list) == 2:
		var out []any
		for part := range strings.SplitSeq(text(list[1]), text(list[0])) {
			out = append(out, part)
		}
		return out, nil
	case name == "Fn::Select" && len(list) == 2:
		items, _ := list[1].([]any)
		i, err := strconv.Atoi(text(list[0]))
		if err != nil || i < 0 || i >= len(items) {
			return nil, fmt.Errorf("Fn::Select: there is no item %s of %d", text(list[0]), len(items))
		}
		return items[i], nil
	}
	return nil, fmt.Errorf("%s cannot be evaluated with %d arguments", name, len(list))
}

// ref is a parameter, a pseudo parameter or what a resource is named.
func (s *Stack) ref(name string) (any, error) {
	if v, ok := s.Parameters[name]; ok {
		return v, nil
	}
	switch name {
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::Region":
		return s.o.Region, nil
	case "AWS::AccountId":
		return s.o.Account, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return s.Name, nil
	case "AWS::StackId":
		return fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/0", s.o.Region, s.o.Account, s.Name), nil
	}
	if _, ok := s.file.Resources[name]; !ok {
		return nil, fmt.Errorf("%s is neither a parameter nor a resource", name)
	}
	r, err := s.resource(name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s is used where its condition does not hold", name)
	}
	return r.Ref, nil
}

func attributeOf(v any) (id, attribute string, err error) {
	if list, ok := v.([]any); ok && len(list) == 2 {
		return text(list[0]), text(list[1]), nil
	}
	if id, attribute, ok := strings.Cut(text(v), "."); ok {
		return id, attribute, nil
	}
	return "", "", fmt.Errorf("Fn::GetAtt takes a resource and its attribute, not %v", v)
}

func (s *Stack) getAtt(id, attribute string) (any, error) {
	r, err := s.resource(id)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s is used where its condition does not hold", id)
	}
	if output, ok := strings.CutPrefix(attribute, "Outputs."); ok && s.Nested[id] != nil {
		v, ok := s.Nested[id].Outputs[output]
		if !ok {
			return nil, fmt.Errorf("%s has no output %s", s.Nested[id].Path, output)
		}
		return v, nil
	}
	return r.attribute(attribute)
}

var variableInText = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

// sub puts variables into a text.
func (s *Stack) sub(arg any) (any, error) {
	format, own := text(arg), map[string]any{}
	if list, ok := arg.([]any); ok && len(list) == 2 {
		format = text(list[0])
		own, _ = list[1].(map[string]any)
	}
	var failed error
	out := variableInText.ReplaceAllStringFunc(format, func(m string) string {
		parts := variableInText.FindStringSubmatch(m)
		if parts[1] == "!" {
			return "${" + parts[2] + "}"
		}
		v, err := s.variable(strings.TrimSpace(parts[2]), own)
		if err != nil {
			failed = errors.Join(failed, err)
		}
		return text(v)
	})
	return out, failed
}

func (s *Stack) variable(name string, own map[string]any) (any, error) {
	if v, ok := own[name]; ok {
		return s.eval(v)
	}
	if id, attribute, ok := strings.Cut(name, "."); ok {
		return s.getAtt(id, attribute)
	}
	return s.ref(name)
}
