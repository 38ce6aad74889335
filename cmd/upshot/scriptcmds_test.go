package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits runs a command and holds its exit status, which a plain "! upshot"
// does not tell apart: exits 2 upshot parse ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// checkJSON holds the JSON in a file (stdout, too) to one or more statements:
// json out.json /rows/0/n=3 /title="Recommend" /rows/1/value=null. The left side
// is a JSON pointer; with :len behind it, it is a list's length, and with :keys
// an object's keys in their order.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: json FILE POINTER=VALUE...")
	}
	doc := []byte(ts.ReadFile(args[0]))
	for _, statement := range args[1:] {
		pointer, want, ok := strings.Cut(statement, "=")
		if !ok {
			ts.Fatalf("%q is not POINTER=VALUE", statement)
		}
		place, kind, _ := strings.Cut(pointer, ":")
		raw, err := at(doc, place)
		if err != nil {
			ts.Fatalf("%s: %v", pointer, err)
		}
		got := string(raw)
		switch kind {
		case "len":
			var list []json.RawMessage
			ts.Check(json.Unmarshal(raw, &list))
			got = strconv.Itoa(len(list))
		case "keys":
			keys, _, err := keysOf(raw)
			ts.Check(err)
			got = strings.Join(keys, ",")
		}
		if got != want {
			ts.Fatalf("%s is %s, want %s", pointer, got, want)
		}
	}
}

// at follows a JSON pointer and gives the compact text of what is there.
func at(doc []byte, pointer string) (json.RawMessage, error) {
	raw := json.RawMessage(doc)
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		if n, err := strconv.Atoi(step); err == nil {
			var list []json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return nil, err
			}
			if n >= len(list) {
				return nil, errors.New("there are only " + strconv.Itoa(len(list)))
			}
			raw = list[n]
			continue
		}
		_, members, err := keysOf(raw)
		if err != nil {
			return nil, err
		}
		var ok bool
		if raw, ok = members[step]; !ok {
			return nil, errors.New("there is no " + step + " in " + string(raw))
		}
	}
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.Bytes(), err
}

// keysOf gives the keys of an object in their order, and its members.
func keysOf(raw []byte) (keys []string, members map[string]json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("is not an object: " + string(raw))
	}
	members = map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		key, _ := t.(string)
		keys, members[key] = append(keys, key), v
	}
	return keys, members, nil
}

// gz packs a file: gz FILE FILE.gz
func gz(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gz FILE PACKED")
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, ts.ReadFile(args[0]))
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}

// cut keeps the first bytes of a file: cut FILE N OUT
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut FILE BYTES OUT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	whole := ts.ReadFile(args[0])
	if len(whole) <= n {
		ts.Fatalf("%s has only %d bytes", args[0], len(whole))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(whole[:n]), 0o600))
}
