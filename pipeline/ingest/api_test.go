package ingest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	bearer       = "Authorization: Bearer api-secret"
	answerRecord = `{"table":"surveys","response_id":"r1","question_id":"q","kind":"nps","score":9}`
)

func TestAPI(t *testing.T) {
	bad := `{"table":"surveys","response_id":"r1","question_id":"q","kind":"nps","score":11}`
	nested := `{"table":"events","kind":"track","name":"x","properties":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}"
	for _, c := range []struct {
		name, body string
		status     int
		accepted   int
		pointer    string // of the first error
	}{
		{"one", answerRecord, 202, 1, ""},
		{"array", "[" + answerRecord + "," + answerRecord + "]", 202, 2, ""},
		{"lines", answerRecord + "\n" + answerRecord + "\n" + answerRecord, 202, 3, ""},
		{"gzip", gzipped(t, []byte(answerRecord)), 202, 1, ""},
		{"empty array", "[]", 202, 0, ""},
		{"one bad", bad, 400, 0, "/score"},
		{"second bad", "[" + answerRecord + "," + bad + "]", 400, 0, "/1/score"},
		{"unknown field", `{"table":"surveys","response_id":"r","kind":"nps","score":1,"wow":1}`, 400, 0, "/wow"},
		{"empty", "", 400, 0, ""},
		{"no JSON", "hello", 400, 0, ""},
		{"nested deep", nested, 400, 0, ""},
		{"invalid UTF-8", "{\"table\":\"\xff\"}", 400, 0, ""},
		{"truncated", answerRecord[:20], 400, 0, ""},
		{"truncated gzip", gzipped(t, []byte(answerRecord))[:40], 400, 0, ""},
		{"repeated key", `{"table":"surveys","response_id":"r","kind":"nps","score":1,"score":2}`, 400, 0, "/score"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, nil)
			got := g.do("POST", "/v1/records", c.body, bearer, "Content-Type: application/json")
			if got.status != c.status {
				t.Fatalf("got %+v, want %d", got, c.status)
			}
			stored := g.envelopes()
			if c.status == 202 {
				if want := fmt.Sprintf(`{"accepted":%d}`, c.accepted); got.body != want || len(stored) != 1 || stored[0].Source != "api" {
					t.Errorf("got %s and %d stored, want %s", got.body, len(stored), want)
				}
				return
			}
			var problem struct {
				Type, Title, Detail string
				Status              int
				Errors              []struct{ Pointer, Detail *string }
			}
			if err := json.Unmarshal([]byte(got.body), &problem); err != nil || got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("no problem document: %+v: %v", got, err)
			}
			if problem.Type == "" || problem.Title == "" || problem.Status != 400 || problem.Detail == "" {
				t.Errorf("incomplete: %s", got.body)
			}
			if c.name != "truncated gzip" && (len(problem.Errors) == 0 || *problem.Errors[0].Pointer != c.pointer || *problem.Errors[0].Detail == "") {
				t.Errorf("errors of %s, want the pointer %q", got.body, c.pointer)
			}
			if len(stored) != 0 {
				t.Error("something of a refused request was stored")
			}
		})
	}
}

func TestAPIAuthentication(t *testing.T) {
	const whsec = "whsec_cGFydG5lci1zZWNyZXQtMTIzNDU="
	for name, c := range map[string]struct {
		path   string
		header []string
		want   int
		source string
	}{
		"bearer":             {"/v1/records", []string{bearer}, 202, "api"},
		"standard webhooks":  {"/v1/records", sign(t, "api", whsec, answerRecord, noon), 202, "partner"},
		"under its name":     {"/sdk/api/v1/records", []string{bearer}, 202, "api"},
		"as a hook":          {"/hooks/api", []string{bearer}, 202, "api"},
		"under another name": {"/sdk/partner/v1/records", []string{bearer}, 401, ""},
		"stale":              {"/v1/records", sign(t, "api", whsec, answerRecord, noon.Add(-time.Hour)), 401, ""},
		"wrong":              {"/v1/records", []string{"Authorization: Bearer guess"}, 401, ""},
		"empty":              {"/v1/records", []string{"Authorization: Bearer "}, 401, ""},
		"none":               {"/v1/records", nil, 401, ""},
		"in the query":       {"/v1/records?access_token=api-secret", nil, 401, ""},
	} {
		g := newRig(t, nil)
		got := g.do("POST", c.path, answerRecord, append(c.header, "Content-Type: application/json")...)
		source := ""
		for _, e := range g.envelopes() {
			source = e.Source
		}
		if got.status != c.want || source != c.source {
			t.Errorf("%s: %+v stored for %q, want %d for %q", name, got, source, c.want, c.source)
		}
		if c.want == 401 && (got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("WWW-Authenticate") != "Bearer") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
