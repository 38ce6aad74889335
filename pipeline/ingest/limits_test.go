package ingest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/source"
)

// serve runs a server on a free port and returns its address.
func serve(t testing.TB, srv *http.Server) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

func TestWireLimitFromBothSides(t *testing.T) {
	const limit = 1 << 20
	for _, c := range []struct {
		size    int
		chunked bool
		status  int
	}{
		{limit, false, 202}, {limit + 1, false, 413}, {limit, true, 202}, {limit + 1, true, 413}, {8 * limit, true, 413},
	} {
		t.Run(fmt.Sprint(c.size, c.chunked), func(t *testing.T) {
			g := newRig(t, nil)
			body := strings.Repeat("x", c.size)
			req := "POST /hooks/support HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" +
				strings.Join(zendesk(t, "zendesk-new", body, noon), "\r\n")
			got := g.raw(func(conn net.Conn) {
				if !c.chunked {
					_, _ = fmt.Fprintf(conn, "%s\r\nContent-Length: %d\r\n\r\n%s", req, len(body), body)
					return
				}
				_, _ = fmt.Fprintf(conn, "%s\r\nTransfer-Encoding: chunked\r\n\r\n", req)
				for rest := body; rest != ""; rest = rest[min(len(rest), 50_000):] {
					part := rest[:min(len(rest), 50_000)]
					if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(part), part); err != nil {
						return // cut off, as it should be
					}
				}
				_, _ = fmt.Fprint(conn, "0\r\n\r\n")
			})
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
				t.Errorf("got %.80q, want %d", got, c.status)
			}
			if n := len(g.envelopes()); (n == 1) != (c.status == 202) {
				t.Errorf("%d stored", n)
			}
		})
	}
}

// A client that announces too much is refused before it sends it.
func TestAnnouncedSizeIsEnough(t *testing.T) {
	g := newRig(t, nil)
	got := g.raw(func(conn net.Conn) {
		_, _ = fmt.Fprint(conn, "POST /hooks/support HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
	})
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("got %.80q", got)
	}
}

func TestBodiesThatBreakOff(t *testing.T) {
	g := newRig(t, nil)
	head := "POST /hooks/support HTTP/1.1\r\nHost: h\r\n" + strings.Join(zendesk(t, "zendesk-new", ticket, noon), "\r\n")
	for name, send := range map[string]string{
		"shorter than announced": head + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(ticket)+1, ticket),
		"broken chunk":           head + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + ticket,
		"chunks without an end":  head + fmt.Sprintf("\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(ticket), ticket),
	} {
		got := g.raw(func(conn net.Conn) {
			_, _ = fmt.Fprint(conn, send)
			_ = conn.(*net.TCPConn).CloseWrite()
		})
		if !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%s: got %.80q", name, got)
		}
	}
	// Longer than announced: the announced part is the body, so that its
	// signature is wrong, and the rest is no request.
	got := g.raw(func(conn net.Conn) {
		_, _ = fmt.Fprintf(conn, "%s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", head, len(ticket)-1, ticket)
	})
	if !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("longer than announced: got %.80q", got)
	}
	if n := len(g.envelopes()); n != 0 {
		t.Errorf("%d stored", n)
	}
}

func TestPlainLimitFromBothSides(t *testing.T) {
	const limit = 16 << 20
	for size, want := range map[int]int{limit: 200, limit + 1: 413} {
		g := newRig(t, nil)
		if got := g.do("POST", "/v1/batch", gzipped(t, make([]byte, size)), basic("wk_app:")); got.status != want {
			t.Errorf("%d bytes decompressed: %d, want %d", size, got.status, want)
		}
		got := g.envelopes()
		if (len(got) == 1) != (want == 200) || len(got) == 1 && len(got[0].Body) != size {
			t.Errorf("%d bytes decompressed: %d stored", size, len(got))
		}
	}
}

// A megabyte that decompresses to a gigabyte costs no more than the limit on
// what is decompressed.
func TestBombsTakeBoundedMemory(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for zeros := make([]byte, 1<<20); packed.Len() < 1<<20; {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	bomb := packed.String()[:1<<20]
	g := newRig(t, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 4 {
		if got := g.do("POST", "/v1/batch", bomb, basic("wk_app:")); got.status != 413 {
			t.Fatalf("got %+v", got)
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 4; per > 64<<20 {
		t.Errorf("a bomb takes %d MiB", per>>20)
	}
	// Without a key nothing is decompressed for long either.
	if got := g.do("POST", "/v1/batch", bomb); got.status != 413 && got.status != 401 {
		t.Errorf("a stranger's bomb: %d", got.status)
	}
	if n := len(g.envelopes()); n != 0 {
		t.Errorf("%d stored", n)
	}
}

func TestGzipForms(t *testing.T) {
	plain := `{"writeKey":"wk_app","batch":[]}`
	whole := gzipped(t, []byte(plain))
	two := gzipped(t, []byte(plain[:10])) + gzipped(t, []byte(plain[10:]))
	for name, c := range map[string]struct{ body, stored string }{
		"one member":         {whole, plain},
		"two members":        {two, plain},
		"truncated":          {whole[:len(whole)-6], whole[:len(whole)-6]},
		"trailing garbage":   {whole + "garbage", whole + "garbage"},
		"wrong checksum":     {whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:]},
		"header only":        {whole[:2], whole[:2]},
		"marked but plain":   {plain, plain},
		"empty and marked":   {"", ""},
		"gzip of nothing":    {gzipped(t, nil), ""},
		"gzip inside a gzip": {gzipped(t, []byte(whole)), whole},
	} {
		g := newRig(t, nil)
		if got := g.do("POST", "/v1/batch", c.body, basic("wk_app:"), "Content-Encoding: gzip"); got.status != 200 {
			t.Errorf("%s: %+v", name, got)
		}
		if e := g.envelopes(); len(e) != 1 || string(e[0].Body) != c.stored {
			t.Errorf("%s: stored %d, %+v", name, len(e), e)
		}
	}
}

// Clients that send slowly, never stop, or send nothing are cut off.
func TestSlowClients(t *testing.T) {
	limits := func(o *ingest.Options) {
		o.Limits.HeaderTime, o.Limits.BodyTime = 150*time.Millisecond, 150*time.Millisecond
		o.Limits.AnswerTime = 5 * time.Second
	}
	head := "POST /hooks/support HTTP/1.1\r\nHost: h\r\n"
	for name, c := range map[string]struct {
		first, drip string
		want        string
	}{
		"headers that never end":   {head, "X-A: b\r\n", ""},
		"nothing at all":           {"", "", ""},
		"a body byte by byte":      {head + "Content-Length: 100000\r\n\r\n", "x", "HTTP/1.1 408 "},
		"a body that never comes":  {head + "Content-Length: 5\r\n\r\n", "", "HTTP/1.1 408 "},
		"chunks that never end":    {head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", "HTTP/1.1 408 "},
		"the body of unknown path": {"POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", "x", "HTTP/1.1 404 "},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, limits)
			start := time.Now()
			got := g.raw(func(conn net.Conn) {
				_, err := fmt.Fprint(conn, c.first)
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for err == nil && c.drip != "" {
					<-tick.C
					_, err = fmt.Fprint(conn, c.drip)
				}
			})
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it was cut off after %s", took)
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && strings.Contains(got, " 2") {
				t.Errorf("got %.80q, want %q", got, c.want)
			}
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	g := newRig(t, nil)
	got := g.raw(func(conn net.Conn) {
		_, _ = fmt.Fprintf(conn, "POST /hooks/support HTTP/1.1\r\nHost: h\r\nX-A: %s\r\n\r\n", strings.Repeat("x", 80<<10))
	})
	if !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("got %.80q", got)
	}
}

// With all places taken the next request is asked to come again, the pages
// about health still answer, and the places come back.
func TestPlacesAreBounded(t *testing.T) {
	release, inside := make(chan struct{}), make(chan struct{}, 2)
	g := newRig(t, func(o *ingest.Options) {
		o.Limits.Flight = 2
		o.Queue = senderFunc(func(context.Context, env.Message) error {
			inside <- struct{}{}
			<-release
			return nil
		})
	})
	header := zendesk(t, "zendesk-new", ticket, noon)
	answers := make(chan int, 2)
	for range 2 {
		go func() { answers <- g.do("POST", "/hooks/support", ticket, header...).status }()
	}
	<-inside
	<-inside
	got := g.do("POST", "/hooks/support", ticket, header...)
	if got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("a third request: %+v", got)
	}
	if got := g.do("GET", "/healthz", ""); got.status != 200 {
		t.Errorf("health while busy: %+v", got)
	}
	close(release)
	for range 2 {
		if s := <-answers; s != 202 {
			t.Errorf("one of the first two: %d", s)
		}
	}
	if got := g.do("POST", "/hooks/support", ticket, header...); got.status != 202 {
		t.Errorf("afterwards: %+v", got)
	}
}

// Clients that announce a body and send none take no places, so that they keep
// nobody out.
func TestWaitingBodiesTakeNoPlaces(t *testing.T) {
	g := newRig(t, func(o *ingest.Options) {
		o.Limits.Flight = 1
		o.Limits.Memory = 1 << 20
	})
	for range 50 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		// The server asks for the body once the handler reads it.
		_, _ = fmt.Fprint(conn, "POST /hooks/support HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if got := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...); got.status != 202 {
		t.Errorf("beside 50 that wait: %+v", got)
	}
}

// Strangers' bodies are looked into a few at a time, and a panic or a wrong key
// gives the place back.
func TestLooksAreBounded(t *testing.T) {
	var now, most atomic.Int32
	g := newRig(t, func(o *ingest.Options) {
		app := *o.Sources["app"]
		app.Key = func(r source.Request, plain []byte) string {
			if plain == nil {
				return ""
			}
			for n := now.Add(1); n > most.Load(); {
				most.Store(n)
			}
			defer now.Add(-1)
			runtime.Gosched()
			if string(plain) == "panic" {
				panic("in a source")
			}
			return string(plain)
		}
		delete(o.Sources, "web")
		o.Sources["app"] = &app
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				for body, want := range map[string]int{"wk_app": 200, "wk_guess": 401, "panic": 500} {
					if got := g.do("POST", "/v1/batch", body); got.status != want {
						t.Errorf("%s: %+v", body, got)
					}
				}
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
}

// The bytes of all requests together are bounded, and given back.
func TestMemoryIsBounded(t *testing.T) {
	g := newRig(t, func(o *ingest.Options) { o.Limits.Memory = 1 << 20 })
	noise := make([]byte, 700<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	large := string(bytes.ReplaceAll(noise, []byte{0x1f, 0x8b}, []byte("xx")))
	for range 5 {
		if got := g.do("POST", "/hooks/support", large, zendesk(t, "zendesk-new", large, noon)...); got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("more than there is: %+v", got)
		}
		if got := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...); got.status != 202 {
			t.Errorf("a small one: %+v", got)
		}
	}
}
