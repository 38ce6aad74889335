package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// withoutSecrets takes out of a document what holds a secret and is written
// with a variable: the variable is not set where secrets are elsewhere.
func withoutSecrets(doc *yaml.Node) {
	if len(doc.Content) == 0 {
		return
	}
	top := doc.Content[0]
	drop(top, "identity_key")
	if mail := child(top, "mail"); mail != nil {
		drop(mail, "smtp")
	}
	if sources := child(top, "sources"); sources != nil && sources.Kind == yaml.MappingNode {
		for i := 1; i < len(sources.Content); i += 2 {
			drop(sources.Content[i], "secrets")
		}
	}
}

// child is the value of a key, nil when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// drop removes a key whose value holds a variable anywhere.
func drop(n *yaml.Node, key string) {
	v := child(n, key)
	if v == nil || !hasVariable(v) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}

func hasVariable(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return strings.Contains(n.Value, "${")
	}
	return slices.ContainsFunc(n.Content, hasVariable)
}
