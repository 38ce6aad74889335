package source

import (
	"bytes"
	"net/http"
	"net/url"

	"upshot.dev/upshot/pipeline/record"
)

func init() {
	Register(&Source{
		Type:  "github",
		Title: "GitHub",
		Gives: []record.Table{record.Releases},
		Doc: "Add a webhook with this address, a secret (either content type is read), and the events " +
			"Releases, Deployments and Deployment statuses. GitHub does not redeliver by itself: what it " +
			"could not deliver is redelivered by hand from the webhook's page.",
		Scheme:    mustProfile("github"),
		Keep:      []string{"X-GitHub-Event", "X-GitHub-Delivery"},
		Handshake: githubPing,
		Parse:     parseGitHub,
	})
}

// githubPing answers the call that GitHub makes when the webhook is created.
func githubPing(r Request) (Answer, bool) {
	if header(r.Header, "X-GitHub-Event") != "ping" {
		return Answer{}, false
	}
	return Answer{Status: http.StatusOK, ContentType: "application/json", Body: []byte("{}"), NeedsAuth: true}, true
}

// parseGitHub takes releases when they are published or prereleased, and
// deployments. A release fires several events ("published" and "released"
// among them), so that the release's own id is the key, not the delivery's.
func parseGitHub(d Delivery) Parsed {
	event := header(d.Header, "X-GitHub-Event")
	if event == "ping" {
		return Parsed{}
	}
	raw := d.Body
	if fields, ok := bytes.CutPrefix(raw, []byte("payload=")); ok { // GitHub's default content type
		text, err := url.QueryUnescape(string(fields))
		if err != nil {
			return rejected("payload is not a valid form field")
		}
		raw = []byte(text)
	}
	body, err := decodeJSON(raw)
	if err != nil {
		return rejected(err.Error())
	}
	if !body.isObject() {
		return rejected("not a GitHub event: the body is not an object")
	}
	if event == "" { // a replay of something kept without its headers
		event = githubGuess(body)
	}
	switch event {
	case "release":
		return githubRelease(body)
	case "deployment":
		return githubDeployment(body, value{}, "started")
	case "deployment_status":
		return githubStatus(body)
	default:
		return Parsed{}
	}
}

// githubGuess names the event by what the payload is about. The order matters:
// a deployment status carries its deployment, too.
func githubGuess(body value) string {
	for _, name := range []string{"deployment_status", "deployment", "release"} {
		if body.at(name).isObject() {
			return name
		}
	}
	return ""
}

// githubRelease reads a release that is out. Its time is that of publishing;
// a draft may have been created weeks before.
func githubRelease(body value) Parsed {
	switch body.at("action").word() {
	case "published", "prereleased":
	default:
		return Parsed{}
	}
	rel := body.at("release")
	id := rel.at("id").text()
	if id == "" {
		return rejected("release.id is missing")
	}
	at := rel.at("published_at").time()
	if at.IsZero() {
		at = rel.at("created_at").time()
	}
	r := record.Record{
		Table: record.Releases, Kind: "release", EventID: "release:" + id, Ref: id, OccurredAt: at,
		Version: rel.at("tag_name").text(),
		Title:   first(rel.at("name"), rel.at("tag_name")),
		URL:     rel.at("html_url").text(),
		Service: body.at("repository", "full_name").text(),
		Status:  "succeeded",
	}
	return one(r)
}

// githubStatus reads the state of a deployment. An inactive one was replaced
// by a later deployment, which speaks for itself.
func githubStatus(body value) Parsed {
	status := body.at("deployment_status")
	switch status.at("state").word() {
	case "success":
		return githubDeployment(body, status, "succeeded")
	case "failure", "error":
		return githubDeployment(body, status, "failed")
	case "in_progress", "queued", "pending", "waiting":
		return githubDeployment(body, status, "started")
	case "":
		return rejected("deployment_status.state is missing")
	default:
		return Parsed{}
	}
}

// githubDeployment reads a deployment, and the status with it if there is one.
// All records of one deployment share its id as ref; each status is an event
// of its own, because GitHub numbers them. The end is known only when the state
// is final, and is left out when GitHub's two clocks put it before the start.
func githubDeployment(body, status value, state string) Parsed {
	dep := body.at("deployment")
	id := dep.at("id").text()
	if id == "" {
		return rejected("deployment.id is missing")
	}
	r := record.Record{
		Table: record.Releases, Kind: "deploy", EventID: "deployment:" + id, Ref: id, Status: state,
		OccurredAt:  dep.at("created_at").time(),
		StartedAt:   dep.at("created_at").time(),
		Version:     first(dep.at("ref"), dep.at("sha")),
		Environment: first(status.at("environment"), dep.at("environment")),
		Service:     body.at("repository", "full_name").text(),
		Title:       first(status.at("description"), dep.at("description")),
		URL:         first(status.at("environment_url"), status.at("log_url"), status.at("target_url")),
	}
	if dep.at("task").word() == "rollback" {
		r.Kind = "rollback"
	}
	if status.isObject() {
		if r.EventID = ""; status.at("id").text() != "" {
			r.EventID = "deployment_status:" + status.at("id").text()
		}
		if at := status.at("created_at").time(); !at.IsZero() {
			r.OccurredAt = at
		}
		if state != "started" && !r.OccurredAt.Before(r.StartedAt) {
			r.EndedAt = r.OccurredAt
		}
	}
	return one(r)
}
