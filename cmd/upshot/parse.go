package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/source"
)

// maxPayload is what an endpoint takes of one delivery, decompressed, in bytes.
const maxPayload = 16 << 20

type parseCmd struct {
	Source string   `required:"" placeholder:"NAME" help:"A source of the configuration, or a type like zendesk."`
	Header []string `sep:"none" placeholder:"'K: V'" help:"A header of the request; may be given several times."`
	Path   string   `placeholder:"PATH" help:"The path that was called, for senders with several, like /v1/track."`
	File   string   `arg:"" optional:"" help:"The payload; - or nothing is standard input."`
}

// Help is shown by --help.
func (parseCmd) Help() string {
	return `Prints one input record a line. The signature is not asked for.

  upshot parse --source github --header 'X-GitHub-Event: release' release.json
  upshot parse --source segment batch.json | head -1`
}

// Run parses one payload.
func (p *parseCmd) Run(a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	src, err := p.lookup(c)
	if err != nil {
		return err
	}
	h := http.Header{}
	for _, line := range p.Header {
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			return fault.Invalidf("--header %q is not like 'Name: value'", line)
		}
		h.Add(strings.TrimSpace(k), strings.TrimSpace(v))
	}
	body, err := p.read(a)
	if err != nil {
		return err
	}
	parsed := source.Parse(src, source.Delivery{
		Source: p.Source, Method: http.MethodPost, Path: p.path(src), Header: h, Body: body, ReceivedAt: a.now.Now(),
	})
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	for i := range parsed.Records {
		if err := e.Encode(parsed.Records[i]); err != nil {
			return fmt.Errorf("write record %d: %w", i, err)
		}
	}
	for _, r := range parsed.Rejects {
		_, _ = fmt.Fprintf(a.err, "item %d rejected: %s\n", r.Item, r.Reason)
	}
	for _, w := range parsed.Warnings {
		_, _ = fmt.Fprintf(a.err, "warning: %s\n", w)
	}
	switch {
	case len(parsed.Records) == 0 && len(parsed.Rejects) > 0:
		return fault.Invalidf("nothing in the payload could be understood")
	case len(parsed.Records) == 0:
		a.talk("%s ignores this delivery", src.Title)
	}
	return nil
}

func (p *parseCmd) lookup(c *config.Config) (*source.Source, error) {
	if _, ok := c.Sources[p.Source]; ok {
		all, err := wire.Sources(c)
		if err != nil {
			return nil, err
		}
		return all[p.Source], nil
	}
	src, ok := source.Lookup(p.Source)
	if !ok {
		return nil, fault.Invalidf("no source %q in the configuration, and no such type; types are %s", p.Source, strings.Join(wire.Types(), ", "))
	}
	return src, nil
}

func (p *parseCmd) path(src *source.Source) string {
	if p.Path != "" {
		return p.Path
	}
	if len(src.Endpoints) > 0 {
		return src.Endpoints[0]
	}
	return "/hooks/" + p.Source
}

func (p *parseCmd) read(a *app) ([]byte, error) {
	f, err := a.open(p.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	if len(body) > maxPayload {
		return nil, fault.Invalidf("the payload is larger than %d bytes", maxPayload)
	}
	return body, nil
}
