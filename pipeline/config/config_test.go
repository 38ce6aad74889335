package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
)

var update = flag.Bool("update", false, "rewrite expected errors")

func lookup(name string) (string, bool) {
	v, ok := map[string]string{
		"UPSHOT_IDENTITY_KEY": "identity", "ZENDESK_SECRET": "zs", "API_SECRET": "as",
		"SMTP_PASSWORD": "p@ss", "EVIL": "x\nlisten: 0.0.0.0:1",
	}[name]
	return v, ok
}

// TestContractExample reads the file that the contract prints.
func TestContractExample(t *testing.T) {
	c, err := config.Load("testdata/contract.yaml", lookup)
	if err != nil {
		t.Fatal(err)
	}
	if c.Location.String() != "Europe/Berlin" || c.Sources["zendesk"].Secrets[0] != "zs" || c.IdentityKey != "identity" {
		t.Errorf("%+v", c)
	}
	if got := time.Duration(c.Product.Activation.Within); got != 7*24*time.Hour || c.Product.Activation.Events[0] != "Project Created" {
		t.Errorf("activation: %+v", c.Product.Activation)
	}
	if got := c.Product.Features["export"].Where["format"]; got != "pdf" {
		t.Errorf("where: %v", got)
	}
	if got := c.Path("lake"); got != filepath.Join("testdata", "lake") {
		t.Errorf("Path = %s", got)
	}
	if got := c.Path("/x"); got != "/x" {
		t.Errorf("Path = %s", got)
	}
	x := c.Product.Exclude.Record()
	if !x.Match("a@example.test", "") {
		t.Error("the excluded domain is not taken over")
	}
	err = c.Errorf([]string{"sources", "app", "type"}, "is unknown")
	if want := "testdata/contract.yaml:8: sources.app.type: is unknown"; err.Error() != want || !fault.Is(err, fault.Invalid) {
		t.Errorf("got %q, want %q", err, want)
	}
}

// TestFaults reads every case of faults.txtar and compares the whole message:
// each fault with its line, all of them at once.
func TestFaults(t *testing.T) {
	const file = "testdata/faults.txtar"
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(ar.Files); i += 2 {
		in, want := ar.Files[i], &ar.Files[i+1]
		_, err := config.Parse("upshot.yaml", in.Data, lookup)
		if err == nil {
			t.Errorf("%s: accepted", in.Name)
			continue
		}
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: kind %v", in.Name, fault.KindOf(err))
		}
		got := err.Error() + "\n"
		if *update {
			want.Data = []byte(got)
		}
		if diff := cmp.Diff(string(want.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in.Name, diff)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a secret is in the message:\n%s", in.Name, got)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(ar), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVariablesAreText: a variable cannot add settings, whatever is in it.
func TestVariablesAreText(t *testing.T) {
	c, err := config.Parse("f.yaml", []byte("identity_key: ${EVIL}\nlake: a-${ZENDESK_SECRET}-b\n"), lookup)
	if err != nil {
		t.Fatal(err)
	}
	if c.IdentityKey != "x\nlisten: 0.0.0.0:1" || c.Listen != "127.0.0.1:8080" || c.Lake != "a-zs-b" {
		t.Errorf("%+v", c)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := config.Load("testdata/none.yaml", lookup)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("%v", err)
	}
}

func TestDefault(t *testing.T) {
	c := config.Default()
	if c.Timezone != "UTC" || c.Lake != "./lake" || c.Listen != "127.0.0.1:8080" || c.Location != time.UTC {
		t.Errorf("%+v", c)
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{"7d": 168 * time.Hour, "90m": 90 * time.Minute, "24h": 24 * time.Hour} {
		if got, err := config.ParseDuration(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "0d", "-1h", "7", "1w", "999999d"} {
		if got, err := config.ParseDuration(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("identity_key: ${X}\nsources: {a: {type: b, secrets: [c]}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("f.yaml", b, lookup)
		if err == nil && (c.Location == nil || c.IdentityKey == "") {
			t.Fatalf("accepted without zone or key: %q", b)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml") {
			t.Fatalf("no place in %q", err)
		}
	})
}
