package report

import (
	"math"
	"strconv"
	"time"

	"upshot.dev/upshot/pipeline/roadmap"
)

// est is an estimate from four numbers.
func est(n int64, v, low, high float64) Estimate {
	return Estimate{N: n, Value: ptr(v), Low: ptr(low), High: ptr(high)}
}

func cnt(n int64) Estimate { return Estimate{N: n, Value: ptr(float64(n))} }

// sampleX are the Mondays of thirteen weeks.
func sampleX() []string {
	var x []string
	for i := range 13 {
		x = append(x, time.Date(2026, 8, 24+7*i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	return x
}

// wave is a series of made-up values: a slope and a rhythm around start.
func wave(start, slope, swing, half float64, n int64) []Estimate {
	var out []Estimate
	for i := range 13 {
		v := start + slope*float64(i) + swing*math.Sin(float64(i)*1.7)
		v = math.Round(v*1e4) / 1e4
		if half == 0 {
			out = append(out, cnt(int64(v)))
			continue
		}
		out = append(out, est(n, v, math.Round((v-half)*1e4)/1e4, math.Round((v+half)*1e4)/1e4))
	}
	return out
}

func values(points []Estimate) []*float64 {
	var out []*float64
	for _, p := range points {
		out = append(out, p.Value)
	}
	return out
}

func figure(metric, title, unit, better string, points []Estimate, usual float64) Figure {
	return Figure{
		Metric: metric, Title: title, Unit: unit, Better: better, Estimate: points[len(points)-1],
		Usual: ptr(usual), UsualOver: 8, Trend: values(points), SQL: "queries/metrics/" + metric + ".sql",
	}
}

func sampleHeadlines() []Headline {
	return []Headline{
		{
			Key: "change/themes/export", Kind: "change", Tone: "bad", Section: "themes", Unit: "times",
			Text:    "Feedback about Export rose to 41 items from about 9 a week (×4.6, 95% 3.1 to 6.8).",
			Context: "In the same week: release v4.12.0.",
			Effect:  est(41, 4.6, 3.1, 6.8), Method: "weekly t, 12 weeks before", P: 0.0004, SQL: "queries/metrics/themes.sql",
		},
		{
			Key: "segment/adoption/offline", Kind: "segment", Tone: "neutral", Section: "adoption", Unit: "percentage_points", Continuing: true,
			Text:   "Offline mode is used on ios far more than elsewhere: 34% of active users there, 1.2% on the other platforms (difference 32.8 points, 95% 30.1 to 35.6).",
			Effect: est(2210, 0.328, 0.301, 0.356), Method: "Newcombe interval, two-proportion z", P: 1e-9, SQL: "queries/metrics/adoption.sql",
		},
		{
			Key: "trend/themes/performance", Kind: "trend", Tone: "bad", Section: "themes", Unit: "percentage_points",
			Text:   "Performance grew from 4.1% to 11% of all feedback over 26 weeks (95% +4.6 to +9.2 points).",
			Effect: est(3321, 0.069, 0.046, 0.092), Method: "trend of shares, quasi-binomial", P: 0.0021, SQL: "queries/metrics/themes.sql",
		},
	}
}

func sampleSections() []Section {
	x := sampleX()
	marks := []Mark{{At: 2.4, Label: "release v4.10.0, 10 Sep", Kind: "release"}, {At: 9.2, Label: "release v4.11.0, 27 Oct", Kind: "release"}, {At: 12.3, Label: "release v4.12.0, 18 Nov", Kind: "release", Current: true}}
	users := wave(1180, 21, 40, 0, 0)
	sql := func(name string) string { return "queries/metrics/" + name + ".sql" }
	line := func(id, kind, title, description, unit string, points []Estimate) Chart {
		return Chart{ID: id, Kind: kind, Title: title, Description: description, Unit: unit, X: x, Series: []Series{{Name: "", Points: points}}, Marks: marks, SQL: sql(id)}
	}
	cohorts := Chart{ID: "retention", Kind: Cohorts, Title: "Who comes back", Description: "Share of each week's new users who are active again, by weeks since their first.", Unit: "ratio", SQL: sql("retention")}
	for k := range 8 {
		cohorts.X = append(cohorts.X, strconv.Itoa(k))
	}
	for c := range 8 {
		s := Series{Name: x[4+c]}
		for k := range 8 - c {
			share := math.Round(100*math.Pow(0.62+0.01*float64(c), math.Min(float64(k), 4)*0.55)) / 100
			s.Points = append(s.Points, est(140, share, share-0.06, math.Min(share+0.06, 1)))
		}
		cohorts.Series = append(cohorts.Series, s)
	}
	features := Chart{
		ID: "adoption", Kind: Bars, Title: "Features by adoption", Description: "Share of the week's active users who used each feature.", Unit: "ratio", X: []string{"Export", "Dashboards", "Sharing", "Offline mode"}, SQL: sql("adoption"),
		Series: []Series{{Name: "share", Points: []Estimate{est(1432, 0.412, 0.387, 0.438), est(1432, 0.33, 0.306, 0.355), est(1432, 0.187, 0.168, 0.208), est(1432, 0.121, 0.105, 0.139)}}},
	}
	mood := Chart{ID: "sentiment-shares", Kind: Stacked, Title: "How people sound", Description: "Shares of negative, neutral and positive feedback.", Unit: "ratio", X: x, Marks: marks, SQL: sql("sentiment")}
	for i, name := range []string{"negative", "neutral", "positive"} {
		start := []float64{0.31, 0.38, 0.31}[i]
		mood.Series = append(mood.Series, Series{Name: name, Points: wave(start, 0, 0, 0.04, 210)})
	}
	nps := line("nps", Lines, "NPS", "Promoters minus detractors, with its interval.", "nps", wave(31, 0.1, 5, 18, 46))
	nps.Series[0].Points[6] = Estimate{N: 3, Note: "too little data"}
	plans := Chart{ID: "nps-plan", Kind: Bars, Title: "NPS by plan", Description: "The last 13 weeks together.", Unit: "nps", X: []string{"business", "pro", "starter"}, SQL: sql("nps"), Series: []Series{{Name: "NPS", Points: []Estimate{est(190, 42.1, 32, 52), est(240, 38.4, 29.8, 47), est(160, -4.2, -16.9, 8.5)}}}}
	csat := line("csat", Lines, "CSAT", "Share of answers with one of the two best points.", "ratio", wave(0.84, -0.002, 0.03, 0.08, 52))
	csat.Target = ptr(0.9)
	return []Section{
		{ID: "adoption", Title: "Adoption", Lead: "Who uses the product, how often, and what of it.", Figures: []Figure{figure("active_users", "Active users", "users", "up", users, 1320)}, Charts: []Chart{line("active_users", Columns, "Active users", "People with at least one active event in the week.", "users", users), features, cohorts}},
		{ID: "nps", Title: "NPS", Charts: []Chart{nps, plans}},
		{ID: "csat", Title: "CSAT", Charts: []Chart{csat}},
		{ID: "support", Title: "Tickets", Charts: []Chart{line("ticket_volume", Columns, "Tickets", "Tickets created in the week.", "tickets", wave(58, 0.8, 6, 0, 0)), line("first_response_time", Lines, "First response", "Median time to the first public answer.", "seconds", wave(9000, 120, 900, 1500, 60))}},
		{ID: "sentiment", Title: "Sentiment", Charts: []Chart{mood}},
		{ID: "themes", Title: "Themes", Lead: "What the feedback of the week is about.", Themes: sampleThemes(), Notes: []string{"Quotes are redacted before they are stored."}},
	}
}

func sampleThemes() []Theme {
	return []Theme{
		{ID: "export", Name: "Export", Items: 41, People: 33, Share: est(212, 0.193, 0.146, 0.252), Negative: est(41, 0.71, 0.556, 0.825), Usual: ptr(9.1), Trend: values(wave(9, 0, 2, 0, 0)), Quotes: []Quote{{Text: "The PDF export stops at page 3 since this morning, we need it for [email].", Source: "zendesk", Date: "2026-11-18", EventID: "e1"}, {Text: "CSV comes out empty.", Source: "delighted", Date: "2026-11-19", EventID: "e2"}}},
		{ID: "performance", Name: "Performance", Items: 23, People: 21, Share: est(212, 0.108, 0.073, 0.157), Negative: est(23, 0.52, 0.33, 0.705), Usual: ptr(17.5), Trend: values(wave(8, 1, 2, 0, 0)), Quotes: []Quote{{Text: "Opening a large dashboard takes half a minute.", Source: "zendesk", Date: "2026-11-17", EventID: "e3"}}},
		{ID: "billing", Name: "Billing", Items: 4, People: 4, Share: est(212, 0.019, 0.007, 0.047), Negative: Estimate{N: 4, Note: "too little data"}, Trend: values(wave(5, 0, 1, 0, 0))},
	}
}

// sample is the fixed model of the golden files.
func sample() *Report {
	users, tickets := wave(1180, 21, 40, 0, 0), wave(58, 0.8, 6, 0, 0)
	nps, csat := wave(31, 0.1, 5, 18, 46), wave(0.84, -0.002, 0.03, 0.08, 52)
	first := figure("first_response_time", "First response", "seconds", "down", wave(9000, 120, 900, 1500, 60), 8100)
	first.Detail = "3 not answered yet"
	little := Figure{Metric: "resolution_time", Title: "Resolution", Unit: "seconds", Estimate: Estimate{Note: "too little data"}, Trend: make([]*float64, 13), SQL: "queries/metrics/resolution_time.sql"}
	csatFigure := figure("csat", "CSAT", "ratio", "up", csat, 0.83)
	csatFigure.Target = ptr(0.9)
	return &Report{
		Schema: Schema, Title: "Week of 16 to 22 November 2026", Subject: "Feedback about Export rose to 41 items from about 9 a week · 16 to 22 November",
		Period:    Period{Grain: "week", From: "2026-11-16", To: "2026-11-23", TZ: "Europe/Berlin", Ended: "2026-11-22T23:00:00Z", History: 13},
		Headlines: sampleHeadlines(), Compared: 86, Method: methodText("week"),
		Figures:  []Figure{figure("active_users", "Active users", "users", "up", users, 1320), figure("nps", "NPS", "nps", "up", nps, 32.5), csatFigure, figure("ticket_volume", "Tickets", "tickets", "down", tickets, 63), first, little},
		Sections: sampleSections(),
		Releases: []Release{{At: "Wed 18 Nov 09:14", Kind: "release", Label: "v4.12.0", Title: "Faster export, new date picker", Service: "web", URL: "https://example.com/releases/v4.12.0"}},
		Ledger: Ledger{
			LedgerRow: LedgerRow{Received: 9123, Stored: 8790, Duplicate: 318, Rejected: 6, Ignored: 9}, SQL: "queries/metrics/completeness.sql",
			Sources: []LedgerRow{{Source: "app", Received: 8800, Stored: 8490, Duplicate: 304, Rejected: 0, Ignored: 6}, {Source: "zendesk", Received: 323, Stored: 300, Duplicate: 14, Rejected: 6, Ignored: 3}},
			Silent:  []Silence{{Source: "delighted", Days: []string{"2026-11-17", "2026-11-18"}, Usual: est(40, 1, 0.912, 1)}},
		},
		Roadmap: sampleRoadmap(),
	}
}

func sampleRoadmap() *roadmap.Roadmap {
	item := func(rank int, id, name string, people int64, score float64) roadmap.Item {
		return roadmap.Item{
			Rank: rank, Theme: id, Name: name, Score: score, People: people, Items: people + 12,
			Reach: est(2210, float64(people)/2210, 0.8*float64(people)/2210, 1.25*float64(people)/2210), Negative: est(people+12, 0.62, 0.53, 0.7),
			Severity: est(people+12, 0.81, 0.76, 0.86), Intents: []roadmap.Count{{Name: "bug", Count: 40}, {Name: "complaint", Count: 20}},
			Growth: est(80, 1.6, 1.1, 2.3), Why: name + " reached 5.9% of active users; 62% of what they say is negative.", Quote: &Quote{Text: "We cannot get our data out.", Source: "zendesk", Date: "2026-11-18", EventID: "e9"},
		}
	}
	return &roadmap.Roadmap{
		From: "2026-08-24", To: "2026-11-23", TZ: "Europe/Berlin", Window: "13 weeks to 22 November 2026", Active: 2210, Formula: "Score = 1000 × reach × impact × growth, each at the lower end of its interval.",
		SQL: []string{"queries/metrics/themes.sql"}, Items: []roadmap.Item{item(1, "export", "Export", 131, 30.2), item(2, "performance", "Performance", 104, 21.9)}, Left: 4,
	}
}
