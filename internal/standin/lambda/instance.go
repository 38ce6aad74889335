package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// initTime is what Lambda gives a function before its first event.
const initTime = 10 * time.Second

// maxPayload is what an invocation may take and give, in bytes.
const maxPayload = 6 << 20

// instance is one process of a function and its Runtime API.
type instance struct {
	f      Function
	cmd    *exec.Cmd
	server *http.Server
	tmp    string

	next   chan event         // to the process
	asked  chan struct{}      // the process asked for an event
	answer chan answer        // from the process
	init   chan string        // an error of the init
	gone   chan struct{}      // closed when the process has ended
	end    context.CancelFunc // of everything

	mu sync.Mutex
	n  int // events so far
}

type event struct {
	id       string
	body     []byte
	deadline time.Time
}

type answer struct {
	id     string
	body   []byte
	failed bool
}

// start runs the process and waits until it asks for its first event.
func start(ctx context.Context, f Function) (*instance, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	i := &instance{
		f: f, next: make(chan event), asked: make(chan struct{}, 1), answer: make(chan answer, 1), init: make(chan string, 1),
		gone: make(chan struct{}), end: end,
	}
	i.server = &http.Server{Handler: i.api(life), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(l) }()
	if i.tmp, err = os.MkdirTemp("", "lambda-"); err != nil {
		return nil, err
	}
	name, version, _ := strings.Cut(f.Name, ":")
	i.cmd = exec.CommandContext(life, f.Bootstrap) //nolint:gosec // the binary under test
	i.cmd.Dir = filepath.Dir(f.Bootstrap)
	i.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=" + name, "AWS_LAMBDA_FUNCTION_VERSION=" + cmp.Or(version, "$LATEST"),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(f.Bootstrap), "_HANDLER=bootstrap", "TZ=:UTC", "PATH=/usr/bin:/bin", "TMPDIR=" + i.tmp,
	}, f.Env...)
	if f.Log != nil {
		i.cmd.Stdout, i.cmd.Stderr = f.Log, f.Log
	}
	if err := i.cmd.Start(); err != nil {
		end()
		_ = i.server.Close()
		return nil, err
	}
	go func() {
		_ = i.cmd.Wait()
		close(i.gone)
		_ = i.server.Close()
		_ = os.RemoveAll(i.tmp)
	}()
	select {
	case <-i.asked:
		return i, nil
	case why := <-i.init:
		i.kill()
		return nil, fmt.Errorf("the init of %s failed: %s", f.Name, why)
	case <-i.gone:
		return nil, fmt.Errorf("the init of %s ended: %s", f.Name, i.cmd.ProcessState)
	case <-time.After(initTime):
		i.kill()
		return nil, fmt.Errorf("the init of %s took more than %s", f.Name, initTime)
	}
}

// invoke hands the process an event and waits for its answer, its end or the
// limit of its time.
func (i *instance) invoke(ctx context.Context, body []byte) ([]byte, error) {
	if len(body) > maxPayload {
		return nil, errors.New("RequestEntityTooLargeException: the event has " + strconv.Itoa(len(body)) + " bytes")
	}
	i.mu.Lock()
	i.n++
	e := event{fmt.Sprintf("%s-%d-%d", i.f.Name, i.cmd.Process.Pid, i.n), body, time.Now().Add(i.f.Timeout)}
	i.mu.Unlock()
	limit := time.NewTimer(i.f.Timeout)
	defer limit.Stop()
	select {
	case i.next <- e:
	case <-i.gone:
		return nil, i.exited()
	}
	for {
		select {
		case a := <-i.answer:
			switch {
			case a.id != e.id:
			case a.failed:
				return nil, &FunctionError{a.body}
			case len(a.body) > maxPayload:
				return nil, &FunctionError{[]byte(`{"errorType":"Function.ResponseSizeTooLarge"}`)}
			default:
				return a.body, nil
			}
		case <-i.gone:
			return nil, i.exited()
		case <-limit.C:
			i.kill()
			return nil, &FunctionError{fmt.Appendf(nil, `{"errorType":"Sandbox.Timedout","errorMessage":"Task timed out after %.2f seconds"}`, i.f.Timeout.Seconds())}
		case <-ctx.Done():
			i.kill()
			return nil, ctx.Err()
		}
	}
}

func (i *instance) exited() error {
	return &FunctionError{fmt.Appendf(nil, `{"errorType":"Runtime.ExitError","errorMessage":"Runtime exited: %s"}`, i.cmd.ProcessState)}
}

func (i *instance) kill() {
	i.end()
	<-i.gone
}

func (i *instance) dead() bool {
	select {
	case <-i.gone:
		return true
	default:
		return false
	}
}

// api is the Runtime API of 2018-06-01.
func (i *instance) api(life context.Context) http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case i.asked <- struct{}{}:
		default:
		}
		select {
		case e := <-i.next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+i.f.Name)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(e.body)
		case <-r.Context().Done():
		case <-life.Done():
		}
	})
	take := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			select {
			case i.answer <- answer{r.PathValue("id"), b, failed}:
			case <-life.Done():
			}
			w.WriteHeader(http.StatusAccepted)
		}
	}
	mux.HandleFunc("POST "+base+"invocation/{id}/response", take(false))
	mux.HandleFunc("POST "+base+"invocation/{id}/error", take(true))
	mux.HandleFunc("POST "+base+"init/error", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, maxPayload))
		select {
		case i.init <- strings.TrimSpace(string(b)):
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}
