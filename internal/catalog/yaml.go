package catalog

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// member is a key of an object with its value: a text, an object, a list, or a
// *yaml.Node.
type member struct {
	key   string
	value any
}

// object is a mapping that keeps its order.
type object []member

// sub has CloudFormation put parameters into a text; the variables of
// partition projection are not its own.
func sub(text string) any {
	if !strings.Contains(text, "${") {
		return text
	}
	for _, v := range []string{"tier", "dt"} {
		text = strings.ReplaceAll(text, "${"+v+"}", "${!"+v+"}")
	}
	return object{{"Fn::Sub", text}}
}

// node writes texts of several lines as blocks, so that a change of a
// statement can be read.
func node(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case string:
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
		if strings.Contains(v, "\n") {
			n.Style = yaml.LiteralStyle
		}
		return n, nil
	case object:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, m := range v {
			value, err := node(m.value)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: m.key}, value)
		}
		return n, nil
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range v {
			value, err := node(e)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, value)
		}
		return n, nil
	default:
		return nil, fmt.Errorf("no YAML for a %T", v)
	}
}
