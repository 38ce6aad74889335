// Package runbook reads the commands out of the pages for whoever runs the
// system, so that tests can run every one of them: a command that nobody ran
// does not help at night.
//
// A fenced block's info string says where it runs: "sh" on one machine, "sh
// aws" against a deployment, "sh not-run" nowhere, which the text before it
// must give the reason for.
package runbook

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Where a block runs.
const (
	Local  = "sh"
	AWS    = "sh aws"
	NotRun = "sh not-run"
)

// Block is one fenced block of commands.
type Block struct {
	Page   string // file name
	Line   int    // of the fence
	Where  string
	Script string
	Before string // the paragraph before it
}

// Read gives the blocks of every page in the folder, in order. A block of
// commands without a known info string is an error that names its place.
func Read(dir string) ([]Block, error) {
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, err
	}
	slices.Sort(pages)
	var out []Block
	for _, p := range pages {
		b, err := os.ReadFile(p) //nolint:gosec // the caller names the folder
		if err != nil {
			return nil, err
		}
		blocks, err := parse(filepath.Base(p), b)
		if err != nil {
			return nil, err
		}
		out = append(out, blocks...)
	}
	return out, nil
}

// data are info strings of blocks that are no commands.
var data = []string{"ini", "yaml", "json", "sql", "text"}

func parse(page string, text []byte) ([]Block, error) {
	var out []Block
	var open *Block
	inData := false
	var paragraph []string
	s := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && (open != nil || inData):
			if open != nil {
				out = append(out, *open)
			}
			open, inData, paragraph = nil, false, nil
		case fence && slices.Contains([]string{Local, AWS, NotRun}, info):
			open = &Block{Page: page, Line: n, Where: info, Before: strings.Join(paragraph, " ")}
		case fence && slices.Contains(data, info):
			inData = true
		case fence:
			return nil, fmt.Errorf("%s:%d: a block marked %q: say where its commands run (%s, %s, %s), or that it is %s", page, n, info, Local, AWS, NotRun, strings.Join(data, ", "))
		case open != nil:
			open.Script += line + "\n"
		case strings.TrimSpace(line) == "":
			if len(paragraph) > 0 && paragraph[len(paragraph)-1] != "" {
				paragraph = append(paragraph, "")
			}
		case len(paragraph) > 0 && paragraph[len(paragraph)-1] == "":
			paragraph = []string{line}
		default:
			paragraph = append(paragraph, line)
		}
	}
	if open != nil || inData {
		return nil, fmt.Errorf("%s: its last block has no end", page)
	}
	return out, s.Err()
}
