package company

import (
	"slices"
	"time"
)

// flush is one call of /v1/batch in the making.
type flush struct {
	at      time.Time     // when it reaches us
	latency time.Duration // of the way; sentAt is that much earlier
	err     time.Duration // how far the sending clock is ahead
	device  bool          // sent by one device, not by the collector
	late    bool          // kept on the device while it was offline
	events  []*Event
}

// resolved is when an event counts as having happened: the rule of the
// contract for a client's own clock, with the reception at f.at.
func (f *flush) resolved(clock time.Time) time.Time {
	if off := f.latency - f.err; off > time.Minute || off < -time.Minute {
		return clock.Add(off)
	}
	return clock
}

// send gives every event the call that brings it. What happens on phones is
// sent by the phone, which may be offline for hours or days; everything else
// goes through the company's own collector, which sends for many people.
func (u *usage) send() {
	var flushes []flush
	collect := flush{}
	waiting := map[string]*phone{}
	var order []string
	for i, s := range u.devices {
		last := len(u.events)
		if i+1 < len(u.starts) {
			last = u.starts[i+1]
		}
		events := u.events[u.starts[i]:last]
		if s.platform != "ios" && s.platform != "android" {
			continue
		}
		p := &u.People[s.person]
		key := p.UserID + s.platform
		if waiting[key] == nil {
			waiting[key] = &phone{err: p.clock}
			order = append(order, key)
		}
		flushes = waiting[key].session(u, events, flushes)
	}
	for _, key := range order {
		flushes = waiting[key].flush(u, flushes)
	}
	flushes = u.collector(collect, flushes)
	for i := range flushes {
		for _, e := range flushes[i].events {
			e.Clock = e.Clock.Add(flushes[i].err)
			e.At = flushes[i].resolved(e.Clock)
			e.flush = i
		}
	}
	sortEvents(u.events)
	u.Events = u.events
	u.deliver(flushes)
}

// phone holds back what it could not send yet.
type phone struct {
	err    time.Duration
	events []*Event
	until  time.Time // offline until then; zero when nothing waits
}

// session sends what waits, when the phone is online again by then, and
// decides whether it sends at the end of this session.
func (p *phone) session(u *usage, events []Event, out []flush) []flush {
	if len(p.events) > 0 && p.until.Before(events[0].Clock) {
		out = p.flush(u, out)
	}
	for i := range events {
		p.events = append(p.events, &events[i])
	}
	end := events[len(events)-1].Clock.Add(between(u.r, 2*time.Second, 30*time.Second))
	switch {
	case u.r.Float64() < .13:
		delay := min(20*time.Minute+exponential(u.r, 15*time.Hour), 6*24*time.Hour)
		p.until = later(p.until, end.Add(delay))
	case end.After(p.until):
		p.until = end
		out = p.flush(u, out)
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flush sends all that waits, 40 at a time.
func (p *phone) flush(u *usage, out []flush) []flush {
	for len(p.events) > 0 {
		n := min(40, len(p.events))
		at := p.until
		if limit := u.End.Add(5 * time.Hour); at.After(limit) {
			at = limit
		}
		out = append(out, u.newFlush(at, p.err, true, p.events[:n]))
		p.events = p.events[n:]
		p.until = p.until.Add(time.Second)
	}
	p.events, p.until = nil, time.Time{}
	return out
}

// collector sends in the order of time: when 50 have come or the first has
// waited for 90 minutes.
func (u *usage) collector(f flush, out []flush) []flush {
	var list []*Event
	for i := range u.events {
		if e := &u.events[i]; e.Platform != "ios" && e.Platform != "android" {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *Event) int { return a.Clock.Compare(b.Clock) })
	for _, e := range list {
		if n := len(f.events); n > 0 && (n >= 50 || e.Clock.Sub(f.events[0].Clock) > time.Hour) {
			out = append(out, u.newFlush(f.events[n-1].Clock.Add(between(u.r, 2*time.Second, time.Minute)), 0, false, f.events))
			f.events = nil
		}
		f.events = append(f.events, e)
	}
	if n := len(f.events); n > 0 {
		out = append(out, u.newFlush(f.events[n-1].Clock.Add(time.Minute), 0, false, f.events))
	}
	return out
}

// newFlush gives the events their ids.
func (u *usage) newFlush(at time.Time, err time.Duration, device bool, events []*Event) flush {
	f := flush{at: at.UTC().Truncate(time.Millisecond), err: err, device: device, events: events}
	f.latency = between(u.r, 30*time.Millisecond, 900*time.Millisecond)
	f.late = device && at.Sub(events[0].Clock) > time.Hour
	for _, e := range events {
		e.ID = uuid(u.r)
		if !device {
			e.ID = "node-next-" + milliseconds(e.Clock) + "-" + e.ID
		}
	}
	return f
}

// deliver makes the deliveries of the flushes.
func (u *usage) deliver(flushes []flush) {
	for i := range flushes {
		flushes[i].events = flushes[i].events[:0:0]
	}
	for i := range u.Events {
		f := &flushes[u.Events[i].flush]
		f.events = append(f.events, &u.Events[i])
	}
	for i := range flushes {
		f := &flushes[i]
		b := &batch{flush: *f, style: styleNode}
		if f.device {
			b.style = []int{stylePhone, styleZipped, stylePhone, styleGo}[u.r.IntN(4)]
		}
		u.Deliveries = append(u.Deliveries, Delivery{At: f.at, Source: "app", Valid: true, Late: f.late, Status: 200, make: b.request, tally: Tally{Stored: len(f.events)}})
	}
}
