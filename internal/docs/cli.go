package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// commandLine finds a command in the list that upshot --help ends with.
var commandLine = regexp.MustCompile(`(?m)^  ([a-z]+)  +\S`)

// cli is every command's own help, as the binary prints it.
func cli() ([]byte, error) {
	dir, err := os.MkdirTemp("", "upshot-docs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // only a temporary folder
	bin := filepath.Join(dir, "upshot")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", bin, "upshot.dev/upshot/cmd/upshot").CombinedOutput(); err != nil { //nolint:gosec // our own program
		return nil, fmt.Errorf("building upshot: %w: %s", err, out)
	}
	help := func(args ...string) (string, error) {
		c := exec.CommandContext(context.Background(), bin, append(args, "--help")...) //nolint:gosec // our own program
		c.Dir, c.Env = dir, append(os.Environ(), "COLUMNS=80")                         // the width decides the line breaks
		out, err := c.Output()
		if err != nil {
			return "", fmt.Errorf("upshot %s --help: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	top, err := help()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# Commands\n\n```\n%s\n```\n", generated, top)
	_, list, found := strings.Cut(top, "\nCommands:\n")
	if !found {
		return nil, fmt.Errorf("upshot --help lists no commands")
	}
	for _, m := range commandLine.FindAllStringSubmatch(list, -1) {
		text, err := help(m[1])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", m[1], text)
	}
	return b.Bytes(), nil
}
