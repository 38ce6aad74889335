package catalog

import (
	"fmt"
	"strings"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
)

// recentWeeks is the time over which the named queries of metrics look.
const recentWeeks = 13

// maxQuery is the most bytes that Athena takes as a statement.
const maxQuery = 262_144

// Named is a statement that Athena offers by name.
type Named struct {
	Name, About, SQL string
}

// Queries are the named queries: every metric over the last weeks, and the
// statement that creates every view, in an order in which they can be run.
func Queries() ([]Named, error) {
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		return nil, err
	}
	var out []Named
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			return nil, err
		}
		sql, err := c.Recent(name, config.Product{}, recentWeeks)
		if err != nil {
			return nil, err
		}
		about := fmt.Sprintf("%s: %s The last %d whole weeks, in UTC.", m.Title, m.Description, recentWeeks)
		if strings.Contains(sql, "\nfeatures(feature)") || strings.Contains(sql, "WITH features(feature)") {
			about += " It knows no features: those are in upshot.yaml."
		}
		out = append(out, Named{Name: "metric " + name, About: about, SQL: strings.TrimSpace(sql)})
	}
	for _, v := range Views() {
		out = append(out, Named{Name: "view " + v.Name, About: "Creates the view again. " + v.about(), SQL: v.Create()})
	}
	for _, q := range out {
		if len(q.SQL) > maxQuery {
			return nil, fmt.Errorf("the query %s has %d bytes, more than Athena's %d", q.Name, len(q.SQL), maxQuery)
		}
	}
	return out, nil
}
