package localenv_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// TestMain lets the test binary be the process that a test kills.
func TestMain(m *testing.M) {
	if role := os.Getenv("UPSHOT_TEST_ROLE"); role != "" {
		beChild(role, os.Getenv("UPSHOT_TEST_QUEUE"))
	}
	os.Exit(m.Run())
}

func child(t *testing.T, role, queue string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "UPSHOT_TEST_ROLE="+role, "UPSHOT_TEST_QUEUE="+queue)
	return cmd
}

// beChild opens the queue. As "open" it says how that went; as "send" it sends
// from many goroutines and consumes beside them until it is killed. It prints
// "+id" after a message was acknowledged and "-id" before it deletes one.
func beChild(role, path string) {
	q, err := localenv.OpenQueue(path, env.ClockFunc(time.Now))
	if err != nil {
		fmt.Println(err)
		os.Exit(0)
	}
	if role == "open" {
		fmt.Println("opened")
		os.Exit(0)
	}
	die := func(err error) {
		if err != nil {
			fmt.Println("!", err)
			os.Exit(1)
		}
	}
	bg := context.Background()
	for s := range 16 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%02d-%06d", os.Getpid(), s, i)
				die(q.Send(bg, env.Message{ID: id, Body: []byte(strings.Repeat(id, 50))}))
				fmt.Println("+" + id)
			}
		}()
	}
	for {
		msgs, err := q.Receive(bg, 10, time.Hour)
		die(err)
		for i, m := range msgs {
			if i%2 == 0 {
				fmt.Println("-" + m.ID)
				die(q.Delete(bg, m.ID))
			}
		}
	}
}

// Three processes in turn are killed while they send and consume. Whatever
// they saw acknowledged and did not delete is found afterwards, whole.
func TestQueueSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	acked := map[string]bool{}
	for round := range 3 {
		cmd := child(t, "send", path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var deleted []string
		for n := 0; lines.Scan(); n++ {
			if n == 2000+500*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			switch line := lines.Text(); line[0] {
			case '+':
				acked[line[1:]] = true
			case '-':
				deleted = append(deleted, line[1:])
			default:
				t.Fatal(line)
			}
		}
		_ = cmd.Wait() // it was killed
		for _, id := range deleted {
			delete(acked, id)
		}
	}
	if len(acked) < 1000 {
		t.Fatalf("only %d messages to look for", len(acked))
	}
	q := openQueue(t, path, memenv.NewClock(noon), localenv.QueueLimits{})
	found := map[string]bool{}
	for {
		msgs, err := q.Receive(t.Context(), 500, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if len(msgs) == 0 {
			break
		}
		for _, m := range msgs {
			if found[m.ID] {
				t.Errorf("%s is there twice", m.ID)
			}
			if string(m.Body) != strings.Repeat(m.ID, 50) {
				t.Errorf("%s is damaged", m.ID)
			}
			found[m.ID] = true
		}
	}
	for id := range acked {
		if !found[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	t.Logf("%d acknowledged and not deleted, %d found", len(acked), len(found))
}
