package company

import (
	"fmt"
	"net/http"
	"time"
)

// Release is a version that was released and then deployed to production.
type Release struct {
	Version   string // with its v
	Title     string
	Published time.Time // whole seconds, as GitHub writes them
	Deployed  time.Time
	Failed    bool // the first deployment failed; a second one followed
}

// repository is the service that all releases belong to.
const repository = "tidewater/app"

// plannedReleases are week and day (0 is Monday) of each version: a minor one
// every other week, with its patches.
var plannedReleases = []struct {
	week, day int
	version   string
	title     string
}{
	{1, 2, "v4.2.3", "Small corrections"},
	{2, 1, "v4.3.0", "New board filters"},
	{3, 1, "v4.3.1", "Corrections for filters"},
	{4, 1, "v4.4.0", "Guests in projects"},
	{5, 0, "v4.4.1", "Guest invitations"},
	{5, 3, "v4.4.2", "Guest roles"},
	{6, 1, "v4.5.0", "Calendar feed"},
	{7, 2, "v4.5.1", "Calendar corrections"},
	{8, 1, "v4.6.0", "Automation rules"},
	{9, 0, "v4.6.1", "Rule history"},
	{9, 3, "v4.6.2", "Rule corrections"},
	{10, 1, "v4.7.0", "Document scanning on iOS"},
	{11, 2, "v4.7.1", "Scanner corrections"},
	{12, 1, "v4.8.0", "Search inside comments"},
	{13, 0, "v4.8.1", "Search corrections"},
	{13, 3, "v4.8.2", "Search ranking"},
	{14, 1, "v4.9.0", "Templates for teams"},
	{15, 2, "v4.9.1", "Template corrections"},
	{16, 1, "v4.10.0", "Portfolio dashboards"},
	{17, 0, "v4.10.1", "Dashboard widgets"},
	{17, 3, "v4.10.2", "Dashboard corrections"},
	{18, 1, "v4.11.0", "Time entries"},
	{19, 2, "v4.11.1", "Time entry corrections"},
	{20, 0, "v4.12.0", "New renderer for files"},
	{21, 0, "v4.12.1", "Renderer memory"},
	{22, 0, "v4.12.2", "Renderer corrected"},
	{23, 2, "v4.12.3", "Small corrections"},
	{24, 1, "v4.13.0", "Workload view"},
	{25, 1, "v4.13.1", "Workload corrections"},
	{26, 1, "v4.14.0", "Comments on files"},
}

func (g *generator) makeReleases() {
	r := g.stream("releases")
	for i, p := range plannedReleases {
		at := g.at(p.week, p.day, 7, 10+r.IntN(40)).Add(between(r, 0, time.Minute)).UTC().Truncate(time.Second)
		rel := Release{Version: p.version, Title: p.title, Published: at, Deployed: at.Add(between(r, 10*time.Minute, 25*time.Minute)).Truncate(time.Second), Failed: i == 8}
		g.Releases = append(g.Releases, rel)
		g.deliverRelease(i, &rel)
	}
}

// BrokenFrom and BrokenTo bound the time in which the export is broken: from
// the deployment of v4.12.0 to that of v4.12.2.
func (c *Company) BrokenFrom() time.Time { return c.deployed("v4.12.0") }

// BrokenTo is when the export works again.
func (c *Company) BrokenTo() time.Time { return c.deployed("v4.12.2") }

func (c *Company) broken(t time.Time) bool {
	return !t.Before(c.BrokenFrom()) && t.Before(c.BrokenTo())
}

func (c *Company) deployed(version string) time.Time {
	for _, r := range c.Releases {
		if r.Version == version {
			return r.Deployed
		}
	}
	panic("company: there is no release " + version)
}

// versionAt is the newest version deployed by then, without its v.
func (c *Company) versionAt(t time.Time) string {
	v := "4.2.2"
	for _, r := range c.Releases {
		if r.Deployed.After(t) {
			break
		}
		v = r.Version[1:]
	}
	return v
}

// deliverRelease makes GitHub's calls: the release twice under two actions, of
// which one is ignored, then the deployment and its statuses.
func (g *generator) deliverRelease(i int, rel *Release) {
	id := 184300100 + 37*i
	body := func(action string) map[string]any {
		return map[string]any{
			"action": action, "repository": map[string]any{"id": 90210, "full_name": repository, "private": true},
			"release": map[string]any{
				"id": id, "tag_name": rel.Version, "name": rel.Version + " " + rel.Title, "body": "See the changelog.",
				"draft": false, "prerelease": false, "target_commitish": "main", "created_at": rel.Published.Add(-90 * time.Second).Format(time.RFC3339),
				"published_at": rel.Published.Format(time.RFC3339), "html_url": "https://github.example/" + repository + "/releases/tag/" + rel.Version,
			},
		}
	}
	g.github(rel.Published.Add(1200*time.Millisecond), "release", body("published"), Tally{Stored: 1})
	g.github(rel.Published.Add(1300*time.Millisecond), "release", body("released"), Tally{Ignored: 1})
	start := rel.Published.Add(2 * time.Minute)
	if rel.Failed {
		g.deploy(id+1, 0, rel.Version, start.Add(-time.Minute), start.Add(3*time.Minute), "failure")
		start = start.Add(5 * time.Minute)
	}
	g.deploy(id+2, 10, rel.Version, start, rel.Deployed, "success")
}

// deploy makes the calls of one deployment.
func (g *generator) deploy(id, n int, version string, start, end time.Time, state string) {
	dep := map[string]any{
		"id": 5*id + n, "sha": fmt.Sprintf("%040x", id*7919), "ref": version, "task": "deploy", "environment": "production",
		"description": nil, "created_at": start.Format(time.RFC3339), "updated_at": start.Format(time.RFC3339),
	}
	repo := map[string]any{"id": 90210, "full_name": repository}
	g.github(start.Add(900*time.Millisecond), "deployment", map[string]any{"action": "created", "deployment": dep, "repository": repo}, Tally{Stored: 1})
	g.github(end.Add(800*time.Millisecond), "deployment_status", map[string]any{
		"action": "created", "deployment": dep, "repository": repo,
		"deployment_status": map[string]any{
			"id": 9*id + n, "state": state, "environment": "production", "description": "", "target_url": "", "environment_url": "",
			"log_url": "https://ci.example/run/" + fmt.Sprint(id), "created_at": end.Format(time.RFC3339),
		},
	}, Tally{Stored: 1})
}

func (g *generator) github(at time.Time, event string, body map[string]any, t Tally) {
	h := http.Header{"X-Github-Event": {event}, "X-Github-Delivery": {uuid(g.stream(fmt.Sprint(event, at.UnixMilli())))}, "User-Agent": {"GitHub-Hookshot/44e2c1a"}}
	g.Deliveries = append(g.Deliveries, Delivery{At: at, Source: "github", Valid: true, Status: 202, tally: t, make: fixed("/hooks/github", h, encode(body))})
}
