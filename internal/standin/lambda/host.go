package lambda

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Function is one version of a function.
type Function struct {
	Name      string
	Bootstrap string   // path of the binary
	Env       []string // NAME=value; nothing else is inherited
	Timeout   time.Duration
	Memory    int // MB, told to the function
	// Concurrency is the number of instances at most; a further event waits.
	Concurrency int
	Log         io.Writer // what the function writes; may be nil
	Published   time.Time // this version; told to who asks
}

// Host runs functions.
type Host struct {
	mu        sync.Mutex
	functions map[string]*pool
	aliases   map[string]string
	notes     map[string]string // descriptions of aliases
	published map[string]time.Time
	hooks     []HookOutcome
}

// pool are the instances of one function.
type pool struct {
	Function
	tokens chan struct{} // one for each instance that may be at work

	mu        sync.Mutex
	idle      []*instance
	all       map[*instance]bool
	starts    int
	coldTimes []time.Duration
}

// New makes a host without functions.
func New() *Host {
	return &Host{functions: map[string]*pool{}, aliases: map[string]string{}, notes: map[string]string{}, published: map[string]time.Time{}}
}

// Alias makes alias, like "process:live", another name of a function that was
// added, like "process:2", instead of what it named before.
func (h *Host) Alias(alias, function string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.aliases[alias] = function
}

// Behind is the function that an alias names now; empty when it is none.
func (h *Host) Behind(alias string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.aliases[alias]
}

// Add makes a function known under its name, instead of one that was known
// before.
func (h *Host) Add(f Function) {
	if f.Timeout <= 0 {
		f.Timeout = 3 * time.Second
	}
	if f.Concurrency <= 0 {
		f.Concurrency = 10
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.functions[f.Name]; old != nil {
		old.close()
	}
	if _, known := h.published[f.Name]; !known {
		h.published[f.Name] = f.Published
	}
	h.functions[f.Name] = &pool{Function: f, tokens: make(chan struct{}, f.Concurrency), all: map[*instance]bool{}}
}

// Close kills every instance.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.functions {
		p.close()
	}
}

// pool finds a function by its name, its ARN or an alias. A version at the end is
// part of the name where one was added so.
func (h *Host) pool(name string) (*pool, error) {
	if i := strings.LastIndex(name, ":function:"); i >= 0 {
		name = name[i+len(":function:"):]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if behind := h.aliases[name]; behind != "" {
		name = behind
	}
	if p := h.functions[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no function %q", name)
}

// FunctionError is what a function, or Lambda in its place, says of a failed
// invocation.
type FunctionError struct{ Payload []byte }

// Error quotes it.
func (e *FunctionError) Error() string { return "the function failed: " + string(e.Payload) }

// Invoke runs a function and returns its answer. An error of type
// *FunctionError is the function's.
func (h *Host) Invoke(ctx context.Context, name string, event []byte) ([]byte, error) {
	p, err := h.pool(name)
	if err != nil {
		return nil, err
	}
	select {
	case p.tokens <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.tokens }()
	i, err := p.instance(ctx)
	if err != nil {
		return nil, &FunctionError{[]byte(err.Error())}
	}
	out, err := i.invoke(ctx, event)
	if i.dead() {
		p.drop(i)
	} else {
		p.put(i)
	}
	return out, err
}

// Kill ends every instance of a function at once, as a crash would.
func (h *Host) Kill(name string) {
	if p, err := h.pool(name); err == nil {
		p.close()
	}
}

// Starts is how often an instance of a function was started, and how long each
// took until it asked for its first event.
func (h *Host) Starts(name string) (int, []time.Duration) {
	p, err := h.pool(name)
	if err != nil {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts, append([]time.Duration{}, p.coldTimes...)
}

// Warm starts an instance of a function that then waits for its first event.
func (h *Host) Warm(ctx context.Context, name string) error {
	p, err := h.pool(name)
	if err != nil {
		return err
	}
	i, err := p.start(ctx)
	if err == nil {
		p.put(i)
	}
	return err
}

// Peak is the most memory that a living instance of a function ever had in use,
// in bytes, where the system tells it under /proc.
func (h *Host) Peak(name string) (most int64) {
	p, err := h.pool(name)
	if err != nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.all {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
		for line := range strings.Lines(string(status)) {
			var kB int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kB); n == 1 {
				most = max(most, kB<<10)
			}
		}
	}
	return most
}

// instance takes an idle instance, or starts one.
func (p *pool) instance(ctx context.Context) (*instance, error) {
	p.mu.Lock()
	for len(p.idle) > 0 {
		i := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !i.dead() {
			p.mu.Unlock()
			return i, nil
		}
		delete(p.all, i)
	}
	p.mu.Unlock()
	return p.start(ctx)
}

func (p *pool) start(ctx context.Context) (*instance, error) {
	begin := time.Now()
	i, err := start(ctx, p.Function)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[i] = true
	p.starts++
	p.coldTimes = append(p.coldTimes, time.Since(begin))
	return i, nil
}

func (p *pool) put(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, i)
}

func (p *pool) drop(i *instance) {
	i.kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, i)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.all {
		i.kill()
	}
	clear(p.all)
	p.idle = nil
}
