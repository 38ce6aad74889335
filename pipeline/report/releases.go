package report

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// happening is one row of the releases view.
type happening struct {
	at      time.Time
	kind    string
	label   string
	release Release
}

// releasesSQL reads what was released in a span: times as milliseconds since
// 1970, which both engines compute alike.
const releasesSQL = `SELECT date_diff('millisecond', timestamp '1970-01-01 00:00:00', occurred_at) AS at_ms,
  kind, coalesce(version, '') AS version, coalesce(title, '') AS title, coalesce(ref, '') AS ref,
  coalesce(service, '') AS service, coalesce(status, '') AS status, coalesce(environment, '') AS environment, coalesce(url, '') AS url
FROM releases
WHERE dt >= date '%s' AND dt <= date '%s'
ORDER BY occurred_at, event_id`

// happenings are the releases, rollbacks, flag steps, experiments, incidents
// and finished production deploys of [from, to), in order of time.
func (b *builder) happenings(ctx context.Context, from, to time.Time) ([]happening, error) {
	start, end := b.cal.instant(from), b.cal.instant(to)
	sql := fmt.Sprintf(releasesSQL, iso(from.AddDate(0, 0, -1)), iso(to.AddDate(0, 0, 1)))
	rows, err := texts(ctx, b.deps.Query, sql)
	if err != nil {
		return nil, fmt.Errorf("releases of the period: %w", err)
	}
	var out []happening
	for _, c := range rows {
		ms, err := strconv.ParseInt(c[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("releases of the period: time %q: %w", c[0], err)
		}
		at := time.UnixMilli(ms).UTC()
		kind, version, title, ref, service, status, environment := c[1], c[2], c[3], c[4], c[5], c[6], c[7]
		if at.Before(start) || !at.Before(end) {
			continue
		}
		if kind == "deploy" && (environment != "production" || status == "started") {
			continue
		}
		label := firstOf(version, title, ref)
		if label == title {
			title = ""
		}
		out = append(out, happening{at: at, kind: kind, label: label, release: Release{
			At: at.In(b.cal.loc).Format("Mon 2 Jan 15:04"), Kind: kind, Label: shorten(label, 60), Title: shorten(title, 120),
			Service: service, Status: status, URL: webURL(c[8]),
		}})
	}
	return out, nil
}

// texts are the rows of a query as text.
func texts(ctx context.Context, q env.Querier, sql string) ([][]string, error) {
	reader, err := q.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer reader.Release()
	var out [][]string
	for reader.Next() {
		batch := reader.RecordBatch()
		for r := range int(batch.NumRows()) {
			cells := make([]string, batch.NumCols())
			for i, column := range batch.Columns() {
				if !column.IsNull(r) {
					cells[i] = column.ValueStr(r)
				}
			}
			out = append(out, cells)
		}
	}
	return out, reader.Err()
}

// firstOf is the first text that is not blank.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return "unnamed"
}

// webURL keeps a link only when it is one to a web page.
func webURL(u string) string {
	if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// notable are the kinds that a chart marks; deploys only where nothing calls
// itself a release.
func notable(all []happening) []happening {
	releases := slices.ContainsFunc(all, func(h happening) bool { return h.kind == "release" })
	return slices.DeleteFunc(slices.Clone(all), func(h happening) bool {
		switch h.kind {
		case "release", "rollback", "incident":
			return false
		case "deploy":
			return releases
		default:
			return true
		}
	})
}

// marks places the notable happenings on the axis of the charted periods.
func (b *builder) marks(all []happening, chart []string) []Mark {
	var out []Mark
	for _, h := range notable(all) {
		local := date(h.at.In(b.cal.loc))
		i := slices.Index(chart, iso(b.cal.start(local)))
		if i < 0 {
			continue
		}
		start, end := b.cal.instant(b.cal.start(local)), b.cal.instant(b.cal.add(b.cal.start(local), 1))
		place := h.at.Sub(start).Seconds() / end.Sub(start).Seconds()
		out = append(out, Mark{
			At: float64(i) + float64(int(place*100))/100, Kind: h.kind, Current: i == len(chart)-1,
			Label: fmt.Sprintf("%s %s, %s", h.kind, shorten(h.label, 40), h.at.In(b.cal.loc).Format("2 Jan")),
		})
	}
	return out
}

// context names what happened in the period of the report; it claims no cause.
func (b *builder) context(all []happening) string {
	var names []string
	for _, h := range notable(all) {
		if b.cal.start(date(h.at.In(b.cal.loc))).Equal(b.from) {
			names = append(names, fmt.Sprintf("%s %s (%s)", h.kind, shorten(h.label, 40), h.at.In(b.cal.loc).Format("Mon 2 Jan")))
		}
	}
	if len(names) == 0 {
		return ""
	}
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("In the same %s: %s.", b.cal.grain, strings.Join(names, ", "))
}
