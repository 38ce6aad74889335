package report

import (
	"bytes"
	"image/png"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var variable = regexp.MustCompile(`--([a-z0-9]+):(#[0-9a-f]{6})`)

// colours reads the variables of the light and the dark palette from the
// stylesheet.
func colours(t *testing.T) map[string]map[string]string {
	t.Helper()
	light, dark, found := strings.Cut(pageCSS, "@media (prefers-color-scheme:dark)")
	if !found {
		t.Fatal("the stylesheet has no dark palette")
	}
	dark, _, _ = strings.Cut(dark, "}}")
	out := map[string]map[string]string{"light": {}, "dark": {}}
	for name, text := range map[string]string{"light": light, "dark": dark} {
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			out[name][m[1]] = m[2]
		}
	}
	return out
}

func channels(hex string) [3]float64 {
	var out [3]float64
	for i := range out {
		n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		out[i] = float64(n) / 255
	}
	return out
}

func luminance(c [3]float64) float64 {
	for i, v := range c {
		if v <= 0.03928 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

func contrast(a, b [3]float64) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// mix lays a over b with an opacity.
func mix(a, b [3]float64, opacity float64) [3]float64 {
	for i := range a {
		a[i] = a[i]*opacity + b[i]*(1-opacity)
	}
	return a
}

// WCAG 2.2: 4.5 for text, 3 for the parts of pictures that carry meaning.
func TestContrastOfThePalettes(t *testing.T) {
	for name, c := range colours(t) {
		if len(c) < 20 {
			t.Fatalf("%s: %d colours", name, len(c))
		}
		text := [][2]string{
			{"ink", "bg"},
			{"ink", "card"},
			{"muted", "bg"},
			{"muted", "card"},
			{"accent", "bg"},
			{"accent", "card"},
			{"accent", "soft"},
			{"bad", "badsoft"},
			{"good", "goodsoft"},
		}
		for _, p := range text {
			if r := contrast(channels(c[p[0]]), channels(c[p[1]])); r < 4.5 {
				t.Errorf("%s: text %s on %s has contrast %.2f", name, p[0], p[1], r)
			}
		}
		for _, graphic := range []string{"s1", "s2", "s3", "s4", "s5", "s6", "k1", "k3", "muted"} {
			if r := contrast(channels(c[graphic]), channels(c["card"])); r < 3 {
				t.Errorf("%s: %s on the card has contrast %.2f", name, graphic, r)
			}
		}
		darkest, err := strconv.ParseFloat(fmtOpacity(1), 64)
		if err != nil {
			t.Fatal(err)
		}
		if r := contrast(channels(c["ink"]), mix(channels(c["s1"]), channels(c["card"]), darkest)); r < 4.5 {
			t.Errorf("%s: numbers on the fullest cell of a triangle have contrast %.2f", name, r)
		}
	}
}

var styleColour = regexp.MustCompile(`(^|;)color:(#[0-9a-f]{6})`)

// The mail's text stands on white or on its frame.
func TestContrastOfTheMail(t *testing.T) {
	page, err := sample().MailHTML()
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			m := styleColour.FindStringSubmatch(a.Val)
			if a.Key != "style" || m == nil || strings.Contains(a.Val, "display:none") {
				continue
			}
			found++
			if r := contrast(channels(m[2]), channels("#ffffff")); r < 4.5 {
				t.Errorf("%s on white has contrast %.2f", m[2], r)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d colours found", found)
	}
}

// Every axis holds zero and all its numbers; the axis of counts starts at
// zero; its lines lie at round values.
func TestValueAxis(t *testing.T) {
	for _, c := range []struct {
		unit, kind string
		values     []float64
		low, high  float64
	}{
		{"tickets", Columns, []float64{900, 950, 1000}, 0, 1000},
		{"tickets", Columns, []float64{58, 73}, 0, 80},
		{"tickets", Columns, []float64{0, 0}, 0, 1},
		{"tickets", Columns, []float64{1, 2, 3}, 0, 3},
		{"ratio", Lines, []float64{0.81, 0.93}, 0, 1},
		{"ratio", Lines, []float64{0.012, 0.02}, 0, 0.02},
		{"ratio", Stacked, []float64{0.3}, 0, 1},
		{"nps", Lines, []float64{31, 38}, 0, 40},
		{"nps", Lines, []float64{-12, 38}, -20, 40},
		{"sentiment", Lines, []float64{-0.21, -0.1}, -0.3, 0},
		{"users", Lines, nil, 0, 1},
		{"seconds", Lines, []float64{52000, 61000}, 0, 64800},
		{"seconds", Lines, []float64{600000}, 0, 691200},
		{"seconds", Lines, []float64{40}, 0, 45},
	} {
		chart := Chart{Unit: c.unit, Kind: c.kind, Series: []Series{{}}}
		for _, v := range c.values {
			chart.Series[0].Points = append(chart.Series[0].Points, Estimate{Value: ptr(v)})
		}
		a := valueAxis(chart)
		if math.Abs(a.low-c.low) > 1e-9 || math.Abs(a.high-c.high) > 1e-9 {
			t.Errorf("%+v: axis %v to %v", c, a.low, a.high)
		}
		if n := len(a.ticks()); n < 2 || n > 7 {
			t.Errorf("%+v: %d grid lines", c, n)
		}
	}
}

// The pictures in the mail are PNG, wider than shown, and the same bytes
// every time.
func TestChartPNG(t *testing.T) {
	for _, c := range mailCharts(sample()) {
		one, err := ChartPNG(c)
		if err != nil {
			t.Fatal(err)
		}
		two, err := ChartPNG(c)
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: two drawings differ, %v", c.ID, err)
		}
		config, err := png.DecodeConfig(bytes.NewReader(one))
		if err != nil || config.Width != 900 {
			t.Errorf("%s: %d wide, %v", c.ID, config.Width, err)
		}
		if len(one) > 60<<10 {
			t.Errorf("%s: %d bytes", c.ID, len(one))
		}
	}
}

// Pictures say in words what they are, and are well-formed.
func TestSVGSaysWhatItShows(t *testing.T) {
	drawn := 0
	for _, s := range sample().Sections {
		for _, c := range s.Charts {
			drawn++
			text := string(ChartSVG(c))
			root, err := html.Parse(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			said := map[string]string{}
			for n := range root.Descendants() {
				if (n.Data == "title" || n.Data == "desc") && n.Parent.Data == "svg" && n.FirstChild != nil {
					said[n.Data] = n.FirstChild.Data
				}
			}
			if said["title"] != c.Title || said["desc"] != c.Description {
				t.Errorf("%s says %v", c.ID, said)
			}
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, "%!") {
				t.Errorf("%s: %s", c.ID, text)
			}
		}
	}
	if drawn < 8 {
		t.Errorf("%d charts drawn", drawn)
	}
	for _, empty := range []Chart{{Kind: Lines}, {Kind: Columns}, {Kind: Stacked}, {Kind: Bars}, {Kind: Cohorts}, {Kind: Lines, X: []string{"a"}, Series: []Series{{Points: []Estimate{{}}}}}} {
		if text := string(ChartSVG(empty)); strings.Contains(text, "NaN") || !strings.HasSuffix(text, "</svg>") {
			t.Errorf("%+v: %s", empty, text)
		}
	}
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "ratio", "0%"},
		{1, "ratio", "100%"},
		{0.0123, "ratio", "1.2%"},
		{0.412, "ratio", "41%"},
		{0.0999, "ratio", "10%"},
		{0.994, "ratio", "99.4%"},
		{-0.05, "ratio", "−5.0%"},
		{39.84, "nps", "+39.8"},
		{-4.2, "nps", "−4.2"},
		{0, "nps", "0.0"},
		{-0.01, "nps", "0.0"},
		{1471, "users", "1,471"},
		{1234567, "tickets", "1,234,567"},
		{9.13, "items", "9.1"},
		{-1471, "users", "−1,471"},
		{42, "seconds", "42 s"},
		{1800, "seconds", "30 min"},
		{11340, "seconds", "3 h 9 min"},
		{7200, "seconds", "2 h"},
		{345600, "seconds", "4.0 d"},
		{3 * 3600 * 0.99999, "seconds", "3 h"},
		{4.6, "times", "×4.6"},
		{12.3, "times", "×12"},
		{0.125, "percentage_points", "+12.5 points"},
		{0.31, "mean", "+0.31"},
		{math.NaN(), "ratio", "–"},
		{math.Inf(1), "users", "–"},
	} {
		if got := FormatValue(&c.v, c.unit); got != c.want {
			t.Errorf("FormatValue(%v, %s) = %q, want %q", c.v, c.unit, got, c.want)
		}
	}
	if got := FormatValue(nil, "ratio"); got != "–" {
		t.Errorf("nil is %q", got)
	}
}

func TestShortTick(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "seconds", "0"},
		{45, "seconds", "45 s"},
		{900, "seconds", "15 min"},
		{21600, "seconds", "6 h"},
		{64800, "seconds", "18 h"},
		{86400, "seconds", "1 d"},
		{172800, "seconds", "2 d"},
		{129600, "seconds", "36 h"},
		{0.025, "ratio", "2.5%"},
		{0.25, "ratio", "25%"},
		{12500, "count", "12.5k"},
		{1500, "count", "1,500"},
		{-25, "score", "−25"},
		{0.15, "mean", "0.15"},
	} {
		if got := shortTick(c.v, c.unit); got != c.want {
			t.Errorf("shortTick(%v, %s) = %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"}, {"  a \n b\t", 10, "a b"}, {"one two three four", 12, "one two…"}, {"ééééééééééé", 5, "éééé…"}, {"", 3, ""},
	} {
		if got := shorten(c.in, c.n); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
