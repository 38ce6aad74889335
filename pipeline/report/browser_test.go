package report

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts Chromium, or skips the test where there is none;
// UPSHOT_BROWSER=required makes that a failure. Chatter gets every console
// message and every exception.
func browser(t *testing.T, chatter *[]string) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("UPSHOT_BROWSER") == "required" {
			t.Fatal("UPSHOT_BROWSER=required, and no Chromium is on the PATH")
		}
		t.Skip("SKIPPED: no Chromium on the PATH, so overflow, contrast and scripts of the page are NOT checked in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	var mu sync.Mutex
	note := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		*chatter = append(*chatter, text)
	}
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			note(fmt.Sprintf("console %s", e.Type))
		case *runtime.EventExceptionThrown:
			note(e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			note(e.Entry.Text)
		}
	}))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// serve answers every path with a page.
func serve(t *testing.T, pages map[string][]byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// measure is what the page says about itself: its widths, its scripts, and the
// text nodes whose colour lies too near to the colour behind them. Backgrounds
// are those of the nearest ancestors that have one; text in SVG has fill for
// colour.
const measure = `(() => {
  const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return {c: m.slice(0, 3), a: m.length > 3 ? m[3] : 1}; };
  const lum = c => { const f = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4); }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const behind = el => { for (let e = el; e; e = e.parentElement) { const b = rgb(getComputedStyle(e).backgroundColor); if (b.a === 1) return b.c; } return [255, 255, 255]; };
  const weak = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let texts = 0;
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const el = n.parentElement, s = getComputedStyle(el);
    if (!n.data.trim() || s.display === 'none' || ['TITLE', 'DESC', 'STYLE'].includes(el.tagName.toUpperCase()) || !el.getClientRects().length) continue;
    texts++;
    const ink = rgb(el instanceof SVGElement ? s.fill : s.color).c, a = lum(ink), b = lum(behind(el));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) weak.push(ratio.toFixed(2) + ' ' + n.data.trim().slice(0, 40));
  }
  const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('svg')).map(e => e.tagName + '.' + e.className);
  const events = [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(x => x.name.startsWith('on') || /^\s*javascript:/i.test(x.value))).length;
  return {width: document.documentElement.scrollWidth, inner: innerWidth, scripts: document.querySelectorAll('script,iframe,object,embed').length + events, texts, weak, wide};
})()`

type measured struct {
	Width, Inner, Scripts, Texts int
	Weak, Wide                   []string
}

// look opens a page at a width, light or dark, and measures it.
func look(ctx context.Context, t *testing.T, url string, width int64, scheme string) measured {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600}); err != nil {
		t.Fatal(err)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	open := chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('details').forEach(d => d.open = true)`)
	if err := chromedp.Do(ctx, chromedp.Navigate(url), open); err != nil {
		t.Fatalf("%s at %d px: %v", url, width, err)
	}
	m, err := chromedp.Run(ctx, chromedp.Evaluate[measured](measure))
	if err != nil {
		t.Fatalf("%s at %d px: %v", url, width, err)
	}
	return m
}

func TestBrowser(t *testing.T) {
	var chatter []string
	ctx := browser(t, &chatter)
	hostile := hostileReport()
	pages := map[string][]byte{}
	for name, r := range map[string]*Report{"sample": sample(), "hostile": hostile, "quiet": quietReport()} {
		out := renderings(t, r)
		pages["/"+name], pages["/"+name+"-mail"] = out["report.html"], out["mail.html"]
	}
	url := serve(t, pages)
	for _, path := range sortedKeys(pages) {
		for _, width := range []int64{360, 800, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				m := look(ctx, t, url+path, width, scheme)
				where := fmt.Sprintf("%s at %d px, %s", path, width, scheme)
				if m.Texts < 20 {
					t.Errorf("%s: %d texts measured", where, m.Texts)
				}
				if m.Width > int(width) || len(m.Wide) > 0 {
					t.Errorf("%s: %d px wide, overflowing: %v", where, m.Width, m.Wide)
				}
				if m.Scripts > 0 {
					t.Errorf("%s: %d scripts", where, m.Scripts)
				}
				if len(m.Weak) > 0 {
					t.Errorf("%s: %d texts of weak contrast: %v", where, len(m.Weak), m.Weak[:min(len(m.Weak), 8)])
				}
			}
		}
	}
	// The mail's pictures have content ids, which only a mail program resolves.
	for _, line := range chatter {
		if !strings.Contains(line, "cid:") && !strings.Contains(line, "ERR_UNKNOWN_URL_SCHEME") {
			t.Errorf("the browser said: %s", line)
		}
	}
}

// TestPicture writes pictures of a report: UPSHOT_PICTURES names the folder,
// UPSHOT_REPORT a report.json (without it the sample is taken). report.png, the
// top of the page on a wide screen, is the README's; the others are for looking.
//
//	UPSHOT_PICTURES=docs UPSHOT_REPORT=out/report.json go test ./pipeline/report -run TestPicture
func TestPicture(t *testing.T) {
	dir := os.Getenv("UPSHOT_PICTURES")
	if dir == "" {
		t.Skip("UPSHOT_PICTURES is not set: no pictures are made")
	}
	r := sample()
	if path := os.Getenv("UPSHOT_REPORT"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = Read(data); err != nil {
			t.Fatal(err)
		}
	}
	var chatter []string
	ctx := browser(t, &chatter)
	out := renderings(t, r)
	url := serve(t, map[string][]byte{"/report": out["report.html"], "/mail": inlined(t, r, out["mail.html"])})
	for _, p := range []struct {
		name, path, scheme string
		width, height      int64 // height 0: the whole page
	}{
		{"report.png", "/report", "light", 1120, 1180},
		{"wide.png", "/report", "light", 1280, 0},
		{"dark.png", "/report", "dark", 1280, 0},
		{"phone.png", "/report", "light", 360, 0},
		{"mail.png", "/mail", "light", 800, 0},
		{"mail-phone.png", "/mail", "light", 360, 0},
	} {
		if p.name != "report.png" && os.Getenv("UPSHOT_PICTURES_ALL") == "" {
			continue
		}
		look(ctx, t, url+p.path, p.width, p.scheme)
		picture := shot(ctx, t, p.width, p.height)
		path := filepath.Join(dir, p.name)
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", path, len(picture))
	}
}

// shot takes a picture of the page from its top, with its tables closed; height
// 0 takes all of it.
func shot(ctx context.Context, t *testing.T, width, height int64) []byte {
	t.Helper()
	full, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.querySelectorAll('details').forEach(d => d.open = false), document.documentElement.scrollHeight`))
	if err != nil {
		t.Fatal(err)
	}
	if height == 0 {
		height = full
	}
	beyond := true
	result, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond,
		Clip:                  &page.Viewport{Width: float64(width), Height: float64(height), Scale: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result.Data
}

// inlined is the mail's page with its pictures inside, as a mail program shows
// it.
func inlined(t *testing.T, r *Report, page []byte) []byte {
	t.Helper()
	text := string(page)
	for _, c := range mailCharts(r) {
		text = strings.ReplaceAll(text, "cid:"+contentID(c.ID), dataURL(t, c))
	}
	return []byte(text)
}
