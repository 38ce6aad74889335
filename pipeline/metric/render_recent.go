package metric

import (
	"fmt"
	"slices"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
)

// Recent is a metric's statement over the whole weeks before the one in which
// it is run, weeks of them, in UTC: for an analyst to open in Athena, where
// nothing puts dates into the text. Its rows are those of Run over that time.
func (c *Catalog) Recent(name string, product config.Product, weeks int) (string, error) {
	m, err := c.Get(name)
	if err != nil {
		return "", err
	}
	if !slices.Contains(m.Grains, "week") {
		return "", fault.Invalidf("metric %s is not computed by week", name)
	}
	return render(m, recent(weeks), nil, product)
}

// recent is the time of so many weeks before the current one. Days of UTC are
// the days of dt, so the bounds need no day more on either side. Both engines
// compute them before they look for files.
func recent(weeks int) when {
	const to = "date_trunc('week', current_date)"
	from := fmt.Sprintf("date_add('day', %d, %s)", -7*weeks, to)
	last := fmt.Sprintf("date_add('day', -1, %s)", to)
	return when{
		params: map[string]string{
			":from": from, ":to": to, ":tz": literal("UTC"), ":grain": literal("week"), ":dt_from": from, ":dt_to": last,
		},
		periods: func() string {
			return fmt.Sprintf(`SELECT w, CAST(w AS timestamp), CAST(date_add('day', 7, w) AS timestamp), FALSE, TRUE, date_diff('day', %s, w) / 7
FROM UNNEST(sequence(%s, %s, interval '7' day)) AS t(w)`, from, from, last)
		},
		days: func() string {
			return fmt.Sprintf(`SELECT d, d, date_trunc('week', d), CAST(d AS timestamp), CAST(date_add('day', 1, d) AS timestamp)
FROM UNNEST(sequence(%s, %s, interval '1' day)) AS t(d)`, from, last)
		},
	}
}
