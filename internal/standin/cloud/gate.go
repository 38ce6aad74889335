package cloud

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/internal/template"
)

// gate is what the calls of one function pass.
type gate struct {
	function   string
	statements []template.Statement
	names      names
	backends   map[string]http.Handler // by service; "" for all others
	clock      func() time.Time

	mu      sync.Mutex
	used    map[string]bool // "Sid action"
	faults  []string        // calls that the role does not allow, and requests that make no sense
	slow    map[string]slow // by service
	refused int             // calls that were throttled
	// onQuery is called for every query that is started.
	onQuery func()
}

// slow refuses the calls of a service until a time.
type slow struct {
	until  time.Time
	status int
	code   string
}

// ServeHTTP lets a request pass, or refuses it.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := serviceOf(r)
	if s, ok := g.throttled(service); ok {
		refuse(w, r, service, s.status, s.code, "Please reduce your request rate.")
		return
	}
	calls, err := g.names.calls(r, service)
	if err != nil {
		g.fault(fmt.Sprintf("%s: %v", g.function, err))
		refuse(w, r, service, http.StatusBadRequest, "InvalidAction", err.Error())
		return
	}
	for _, c := range calls {
		if g.allow(c) {
			continue
		}
		code := map[string]string{"s3": "AccessDenied", "sns": "AuthorizationError"}[service]
		if code == "" {
			code = "AccessDeniedException"
		}
		refuse(w, r, service, http.StatusForbidden, code, "User: "+g.function+" is not authorized to perform: "+c.Action+" on resource: "+c.Resource)
		return
	}
	if slices.ContainsFunc(calls, func(c Call) bool { return c.Action == "athena:StartQueryExecution" }) && g.onQuery != nil {
		g.onQuery()
	}
	to := g.backends[service]
	if to == nil {
		to = g.backends[""]
	}
	to.ServeHTTP(w, r)
}

// allow says whether the role allows a call, and remembers what allows it, or
// that nothing does.
func (g *gate) allow(c Call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !template.Allowed(g.statements, c.Action, c.Resource) {
		f := fmt.Sprintf("%s may not %s on %s", g.function, c.Action, c.Resource)
		if !slices.Contains(g.faults, f) {
			g.faults = append(g.faults, f)
		}
		return false
	}
	for _, s := range g.statements {
		if s.Effect == "Allow" && template.Allowed([]template.Statement{s}, c.Action, c.Resource) {
			g.used[s.Sid+" "+c.Action] = true
		}
	}
	return true
}

func (g *gate) fault(f string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, f)
}

// throttled says whether a call of a service is refused now.
func (g *gate) throttled(service string) (slow, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.slow[service]
	if !g.clock().Before(s.until) {
		return s, false
	}
	g.refused++
	return s, true
}

// unused are the permissions of the role that were not used, as "Sid action".
func (g *gate) unused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for _, s := range g.statements {
		for _, a := range s.Actions {
			if s.Effect == "Allow" && !slices.ContainsFunc(slices.Collect(maps.Keys(g.used)), func(u string) bool {
				sid, action, _ := strings.Cut(u, " ")
				return sid == s.Sid && template.Matches(a, action)
			}) {
				out = append(out, s.Sid+" "+a)
			}
		}
	}
	return out
}
