package company

import (
	"fmt"
	"strconv"
)

// Config is the upshot.yaml of the company, with its lake in a given folder.
// The secrets stand in it, as they protect nothing. Sources are named after
// what they bring: /hooks/support, /hooks/survey, /hooks/github, and the
// tracking and first-party API at their own paths.
func Config(lake string) []byte {
	s := Secrets()
	return fmt.Appendf(nil, `# Tidewater, the bundled made-up company: project reporting software.
timezone: %s
lake: %s
listen: 127.0.0.1:8080
identity_key: demo-only-identity-key-0123456789abcdef
sources:
  support: {type: zendesk, secrets: [%q]}
  survey:  {type: delighted, secrets: [%q]}
  app:     {type: segment, secrets: [%q]}
  github:  {type: github, secrets: [%q]}
  api:     {type: api, secrets: [%q]}
product:
  active_events: []
  features:
    export: {events: [Report Exported]}
    dashboards: {events: [Dashboard Viewed]}
    mobile-scan: {events: [Document Scanned]}
    search: {events: [Search Performed]}
    comments: {events: [Comment Added]}
    filters: {events: [Filter Applied]}
    uploads: {events: [File Uploaded]}
    notifications: {events: [Notification Opened]}
  activation: {events: [Project Created], within: 7d}
  funnels:
    start:
      within: 7d
      steps: [{events: [Signed Up]}, {events: [Project Created]}, {events: [Task Updated]}]
  tasks:
    export: {start: {events: [Export Started]}, done: {events: [Report Exported]}, within: 1h}
  errors: {events: [Error Shown]}
  exclude: {email_domains: [%s], user_ids: [%s]}
mail: {from: upshot@example.com, directory: ./outbox}
reports:
  weekly: {period: week, schedule: "0 8 * * MON", to: [pm@example.com]}
`, Zone, strconv.Quote(lake), s["support"], s["survey"], s["app"], s["github"], s["api"], Domain, DemoUser)
}
