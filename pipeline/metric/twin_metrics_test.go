package metric

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"upshot.dev/upshot/pipeline/record"
)

// twins computes each metric; the name is the file's.
var twins = map[string]func(*twin){
	"active_users": (*twin).activeUsers, "stickiness": (*twin).stickiness, "adoption": (*twin).adoption,
	"retention": (*twin).retention, "nps": (*twin).nps, "csat": (*twin).csat,
	"ticket_volume": (*twin).ticketVolume, "contact_rate": (*twin).contactRate,
	"first_response_time": (*twin).firstResponse, "resolution_time": (*twin).resolution, "backlog": (*twin).backlog,
	"sentiment": (*twin).sentiment, "themes": (*twin).themes, "completeness": (*twin).completeness,
}

func (t *twin) activeUsers() {
	for _, e := range t.active() {
		if p, ok := t.period(e.OccurredAt); ok {
			g := t.at(p, t.dims(e.Row, nil), "")
			g.stats["events"]++
			g.people[t.person(e.Row)] = true
			g.stats["users"] = float64(len(g.people))
			g.stats["n"] = g.stats["users"]
		}
	}
}

func (t *twin) stickiness() {
	for _, e := range t.active() {
		p, ok := t.period(e.OccurredAt)
		if !ok {
			continue
		}
		g, who := t.at(p, t.dims(e.Row, nil), ""), t.person(e.Row)
		g.people[who] = true
		daily := t.date(e.OccurredAt) + who
		if !g.people[daily] {
			g.stats["daily_sum"]++
		}
		g.people[daily] = true
		g.stats["users"] = float64(len(g.people)) - g.stats["daily_sum"]
		g.stats["n"] = g.stats["users"]
	}
	for _, g := range t.groups {
		g.stats["days"] = t.length(g.period)
	}
}

// length is the number of days of a period that are asked for.
func (t *twin) length(period string) (n float64) {
	for _, d := range t.dates() {
		if p, _ := t.periodOf(d); p == period {
			n++
		}
	}
	return n
}

func (t *twin) adoption() {
	for feature := range product.Features {
		used, firstUse := map[string]bool{}, map[string]string{}
		for _, e := range t.events {
			if !t.counts(e.Row) || !matches(feature, e) {
				continue
			}
			who := t.person(e.Row)
			if _, ok := firstUse[who]; !ok {
				firstUse[who], _ = t.period(e.OccurredAt)
			}
			if p, ok := t.period(e.OccurredAt); ok {
				used[p+fmtDims(t.dims(e.Row, nil))+who] = true
			}
		}
		for _, e := range t.active() {
			p, ok := t.period(e.OccurredAt)
			dims, who := t.dims(e.Row, nil), t.person(e.Row)
			if !ok || t.at(p, dims, feature).people[who] {
				continue
			}
			g := t.at(p, dims, feature)
			g.people[who] = true
			g.stats["active"]++
			g.stats["n"]++
			if used[p+fmtDims(dims)+who] {
				g.stats["users"]++
				if firstUse[who] == p {
					g.stats["first_users"]++
				}
			}
		}
	}
}

func fmtDims(dims []string) string {
	s := ""
	for _, d := range dims {
		s += strconv.Quote(d)
	}
	return s
}

func (t *twin) retention() {
	periods, ended := t.periods()
	seen, active := map[string]bool{}, map[string]bool{}
	for _, e := range t.active() {
		p, _ := t.period(e.OccurredAt)
		active[p+t.person(e.Row)] = true
	}
	for _, e := range t.active() { // in order of time and id
		who := t.person(e.Row)
		if seen[who] {
			continue
		}
		seen[who] = true
		p, ok := t.period(e.OccurredAt)
		if !ok {
			continue
		}
		at := slices.Index(periods, p)
		for k, later := range periods[at:] {
			if !ended[later] {
				break
			}
			g := t.at(p, t.dims(e.Row, nil), strconv.Itoa(k))
			g.stats["offset"] = float64(k)
			g.stats["n"]++
			if active[later+who] {
				g.stats["retained"]++
			}
		}
	}
}

// answered gives the answers of a kind that count, with their rows to be.
func (t *twin) answered(kind string, f func(*group, record.SurveyRow)) {
	for _, s := range t.answers {
		p, ok := t.period(s.OccurredAt)
		if ok && s.Kind == kind && !t.excluded[t.person(s.Row)] {
			g := t.at(p, t.dims(s.Row, map[string]string{"survey_id": s.SurveyID}), "")
			g.stats["n"]++
			f(g, s)
		}
	}
}

func (t *twin) nps() {
	t.answered("nps", func(g *group, s record.SurveyRow) {
		switch {
		case *s.Score >= 9:
			g.stats["promoters"]++
		case *s.Score >= 7:
			g.stats["passives"]++
		default:
			g.stats["detractors"]++
		}
	})
}

func (t *twin) csat() {
	t.answered("csat", func(g *group, s record.SurveyRow) {
		points, best := *s.ScaleMax-*s.ScaleMin+1, *s.Score == *s.ScaleMax
		if best || points >= 4 && *s.Score == *s.ScaleMax-1 {
			g.stats["good"]++
		}
	})
}

// counted are the tickets that count.
func (t *twin) counted() []*ticket {
	return slices.DeleteFunc(slices.Clone(t.tickets), func(k *ticket) bool { return k.gone || t.excluded[k.person] })
}

func (t *twin) ofTicket(k *ticket) []string {
	return t.dims(k.latest.Row, map[string]string{"channel": k.latest.Channel, "priority": k.latest.Priority})
}

func (t *twin) ticketVolume() {
	for _, k := range t.counted() {
		if p, ok := t.period(k.created); ok {
			g := t.at(p, t.ofTicket(k), "")
			g.stats["tickets"]++
			g.stats["n"]++
		}
	}
}

func (t *twin) contactRate() {
	t.activeUsers()
	for _, g := range t.groups {
		delete(g.stats, "events")
	}
	for _, k := range t.counted() {
		if p, ok := t.period(k.created); ok {
			t.at(p, t.ofTicket(k), "").stats["tickets"]++
		}
	}
}

// timed puts the time of each ticket created into its row; below 0 is none.
func (t *twin) timed(without string, f func(*ticket) float64) {
	for _, k := range t.counted() {
		p, ok := t.period(k.created)
		if !ok {
			continue
		}
		g := t.at(p, t.ofTicket(k), "")
		if v := f(k); math.IsNaN(v) {
			g.stats[without]++
		} else {
			g.values = append(g.values, v)
			g.stats["n"]++
		}
	}
	for _, g := range t.groups {
		slices.Sort(g.values)
		for i, v := range slices.Backward(g.values) { // the smallest with at least p of all at or below it
			share := float64(i+1) / float64(len(g.values))
			if share >= 0.5 {
				g.stats["p50"] = v
			}
			if share >= 0.9 {
				g.stats["p90"] = v
			}
		}
	}
}

func (t *twin) firstResponse() {
	t.timed("waiting", func(k *ticket) float64 {
		for _, c := range k.changes {
			if c.Change == "commented" && c.AuthorRole == "agent" && c.Public && c.OccurredAt >= k.created {
				return float64(c.OccurredAt-k.created) / 1e6
			}
		}
		return math.NaN()
	})
}

func (t *twin) resolution() {
	t.timed("unresolved", func(k *ticket) float64 {
		if !done(k.latest.Status) {
			return math.NaN()
		}
		at, before := int64(0), ""
		for _, c := range k.changes {
			if done(c.Status) && !done(before) {
				at = c.OccurredAt
			}
			before = cmp.Or(c.Status, before)
		}
		return float64(at-k.created) / 1e6
	})
}

func (t *twin) backlog() {
	periods, _ := t.periods()
	dates := t.dates()
	for _, p := range periods {
		last := ""
		for _, d := range dates {
			if q, _ := t.periodOf(d); q == p {
				last = d
			}
		}
		for _, k := range t.counted() {
			status := ""
			for _, c := range k.changes {
				if t.date(c.OccurredAt) <= last {
					status = cmp.Or(c.Status, status)
				}
			}
			if t.date(k.created) <= last && !done(status) {
				g := t.at(p, t.ofTicket(k), "")
				g.stats["tickets"]++
				g.stats["n"]++
			}
		}
	}
}

// items calls f with every item of feedback that counts and its row's place.
func (t *twin) items(f func(period string, dims []string, who string, fb record.Feedback)) {
	for _, k := range t.tickets {
		for _, c := range k.changes {
			who := cmp.Or(t.person(c.Row), k.person)
			if c.EventID == k.first {
				who = k.person
			} else if c.Change != "commented" || !c.Public || c.AuthorRole != "customer" {
				continue
			}
			p, ok := t.period(c.OccurredAt)
			if ok && !k.gone && !t.excluded[who] {
				more := map[string]string{"feedback": "tickets", "channel": k.latest.Channel, "priority": k.latest.Priority}
				f(p, t.dims(k.latest.Row, more), who, c.Feedback)
			}
		}
	}
	for _, s := range t.answers {
		p, ok := t.period(s.OccurredAt)
		if ok && s.Text != "" && !t.excluded[t.person(s.Row)] {
			f(p, t.dims(s.Row, map[string]string{"feedback": "surveys", "survey_id": s.SurveyID}), t.person(s.Row), s.Feedback)
		}
	}
}

func (t *twin) sentiment() {
	t.items(func(period string, dims []string, _ string, fb record.Feedback) {
		g := t.at(period, dims, "")
		if fb.Sentiment == nil {
			g.stats["unscored"]++
			return
		}
		g.stats["n"]++
		g.stats[fb.SentimentLabel]++
		g.stats["sum"] += *fb.Sentiment
		g.stats["sum_sq"] += *fb.Sentiment * *fb.Sentiment
	})
}

func (t *twin) themes() {
	all := map[string]float64{}
	t.items(func(period string, dims []string, who string, fb record.Feedback) {
		all[period+fmtDims(dims)]++
		for i, th := range fb.Themes {
			g := t.at(period, dims, th)
			g.stats["items"]++
			if who != "" {
				g.people[who] = true
			}
			g.stats["people"] = float64(len(g.people))
			if fb.Sentiment != nil && fb.MentionSentiments[i] <= -0.05 {
				g.stats["negative"]++
			}
		}
	})
	for _, g := range t.groups {
		g.stats["all_items"] = all[g.period+fmtDims(g.dims)]
		g.stats["n"] = g.stats["all_items"]
	}
}

func (t *twin) completeness() {
	list := slices.Clone(t.w.receipts)
	slices.SortFunc(list, func(a, b record.ReceiptRow) int {
		return cmp.Or(cmp.Compare(a.ReceivedAt, b.ReceivedAt), cmp.Compare(a.DeliveryID, b.DeliveryID), cmp.Compare(a.Item, b.Item))
	})
	seen := map[int64]bool{}
	for _, r := range list {
		if r.Source == record.SmokeSource {
			continue
		}
		what := map[string]string{record.OutcomeRecord: "stored", record.OutcomeRejected: "rejected", record.OutcomeIgnored: "ignored"}[r.Outcome]
		if what == "stored" && seen[r.EventKey] {
			what = "duplicate"
		}
		seen[r.EventKey] = true
		if p, ok := t.period(r.ReceivedAt); ok {
			g := t.at(p, t.dims(record.Row{Source: r.Source}, nil), "")
			g.stats[what]++
			g.stats["received"]++
			g.stats["n"]++
		}
	}
}
