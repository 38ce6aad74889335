package process

import (
	"time"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/record"
)

// row turns a record into its table's row, and into a link when it says who is
// who. Personal data ends here: people become keyed hashes, texts are redacted.
func (p *Processor) row(e *record.Envelope, seq int32, r *record.Record) (any, *record.LinkRow) {
	common, link := p.common(e, seq, r)
	switch r.Table {
	case record.Tickets:
		return p.ticket(common, r), link
	case record.Surveys:
		return p.survey(common, r), link
	case record.Releases:
		return p.release(common, r), link
	default:
		return p.event(common, r), link
	}
}

func (p *Processor) common(e *record.Envelope, seq int32, r *record.Record) (record.Row, *record.LinkRow) {
	t, adjusted := record.ResolveTime(r.OccurredAt, r.SentAt, e.ReceivedAt)
	k := p.o.Keys
	row := record.Row{
		EventID: p.id(r.EventID), Source: e.Source,
		OccurredAt: record.Micros(t), ReceivedAt: record.Micros(e.ReceivedAt), TimeAdjusted: adjusted,
		DeliveryID: e.ID, DeliverySeq: seq,
		Excluded: e.Source == record.SmokeSource || p.o.Exclude.Match(r.Email, r.UserID),
		UserKey:  k.Key(r.UserID), AnonymousKey: k.Key(r.AnonymousID),
		EmailKey: k.EmailKey(r.Email), AccountKey: k.Key(r.AccountID),
		Plan: p.label(r.Plan), Locale: p.label(r.Locale), Country: p.label(r.Country),
		Platform: p.label(r.Platform), AppVersion: p.version(r.AppVersion), Product: p.label(r.Product),
	}
	if e.Source == record.SmokeSource {
		return row, nil // excluded for itself: it says nothing of anybody
	}
	linked := row.UserKey != "" && (row.EmailKey != "" || row.AnonymousKey != "")
	if !linked && !row.Excluded {
		return row, nil
	}
	return row, &record.LinkRow{
		UserKey: row.UserKey, EmailKey: row.EmailKey, AnonymousKey: row.AnonymousKey,
		OccurredAt: row.OccurredAt, EventID: row.EventID, Source: row.Source, Excluded: row.Excluded,
	}
}

func (p *Processor) ticket(common record.Row, r *record.Record) *record.TicketRow {
	row := &record.TicketRow{
		Row: common, TicketID: p.id(r.TicketID), Change: r.Change, AuthorRole: r.AuthorRole, Public: r.IsPublic(),
		Status: r.Status, Priority: r.Priority, Channel: r.Channel, Team: p.label(r.Team),
		AssigneeKey: p.o.Keys.Key(r.Assignee),
	}
	for _, t := range r.Tags {
		row.Tags = append(row.Tags, p.text(t))
	}
	// Every later change repeats the subject. It is the creation's own words,
	// and counts once: a comment is read by its text alone, and a change
	// without text says nothing.
	switch {
	case r.Change == "created" && r.Subject+r.Text != "":
		row.Subject, row.Feedback = p.feedback(r.Subject, r.Text)
	default:
		if r.Subject != "" {
			row.Subject, _ = p.feedback(r.Subject, "")
		}
		if r.Text != "" {
			_, row.Feedback = p.feedback("", r.Text)
		}
	}
	return row
}

func (p *Processor) survey(common record.Row, r *record.Record) *record.SurveyRow {
	row := &record.SurveyRow{
		Row: common, ResponseID: p.id(r.ResponseID), SurveyID: p.id(r.SurveyID), QuestionID: p.id(r.QuestionID),
		Kind: r.Kind, Score: r.Score, ScaleMin: r.ScaleMin, ScaleMax: r.ScaleMax,
		Choice: p.text(r.Choice), TicketID: p.id(r.TicketID),
	}
	if r.Text != "" {
		_, row.Feedback = p.feedback("", r.Text)
	}
	return row
}

func (p *Processor) event(common record.Row, r *record.Record) *record.EventRow {
	return &record.EventRow{
		Row: common, Kind: r.Kind, Name: p.text(r.Name), SessionID: p.id(r.SessionID),
		Revenue: r.Revenue, Currency: p.text(r.Currency), DurationMS: r.DurationMS,
		Properties: p.object(r.Properties, false), Traits: p.object(r.Traits, true),
	}
}

func (p *Processor) release(common record.Row, r *record.Record) *record.ReleaseRow {
	return &record.ReleaseRow{
		Row: common, Kind: r.Kind, Ref: p.ref(r.Ref), Version: p.version(r.Version),
		Environment: p.label(r.Environment), Service: p.label(r.Service),
		Title: p.text(r.Title), URL: p.text(r.URL), Status: r.Status, Severity: p.text(r.Severity),
		RolloutPercent: r.RolloutPercent, StartedAt: optionalTime(r.StartedAt), EndedAt: optionalTime(r.EndedAt),
	}
}

func optionalTime(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := record.Micros(t)
	return &us
}

// feedback enriches a text and gives the redacted subject beside it.
func (p *Processor) feedback(subject, text string) (string, record.Feedback) {
	res := p.o.Enricher.Enrich(enrich.Text{Subject: readable(subject), Body: readable(text)})
	f := record.Feedback{
		Text: res.Text, Redactions: res.Redactions, Language: res.Language,
		Sentiment: res.Sentiment, SentimentLabel: res.SentimentLabel, Confidence: res.Confidence,
		Intent: res.Intent, Keyphrases: res.Keyphrases, EnrichVersion: res.Version,
	}
	for _, m := range res.Mentions {
		f.Themes = append(f.Themes, m.Theme)
		f.MentionSentences = append(f.MentionSentences, m.Sentence)
		f.MentionSentiments = append(f.MentionSentiments, orZero(m.Sentiment))
		f.MentionIntents = append(f.MentionIntents, m.Intent)
	}
	return res.Subject, f
}

// orZero stands in for a mention's missing score; the row's own sentiment says
// whether there was one.
func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
