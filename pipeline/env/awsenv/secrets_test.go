package awsenv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// vault is one service with secrets in it, and what is between it and us.
type vault struct {
	*testing.T
	*awsenv.Secrets
	put    func(name, value string)
	remove func(name string)
	clock  *memenv.Clock
	calls  *atomic.Int32
	answer func(w http.ResponseWriter, r *http.Request, next http.Handler) // the service itself when nil
	stale  []string
}

var vaults atomic.Int32

// newVault is an empty place in SSM or in Secrets Manager.
func newVault(t *testing.T, service string) *vault {
	t.Helper()
	moto := standin.Moto(t).Endpoint
	path := fmt.Sprintf("upshot/test%d", vaults.Add(1))
	v := &vault{T: t, clock: memenv.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)), calls: &atomic.Int32{}}
	location := service + ":" + path
	direct := standin.Config(t, moto)
	if service == "ssm" {
		location = "ssm:/" + path
		client := ssm.NewFromConfig(direct)
		v.put = func(name, value string) {
			_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
				Name: aws.String("/" + path + "/" + name), Value: &value, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
			})
			v.must(err)
		}
		v.remove = func(name string) {
			_, err := client.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/" + path + "/" + name)})
			v.must(err)
		}
	} else {
		client := secretsmanager.NewFromConfig(direct)
		v.put = func(name, value string) {
			id := aws.String(path + "/" + name)
			_, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: id, SecretString: &value})
			if err != nil { // it exists
				_, err = client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: &value})
			}
			v.must(err)
		}
		v.remove = func(name string) {
			_, err := client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(path + "/" + name), ForceDeleteWithoutRecovery: aws.Bool(true)})
			v.must(err)
		}
	}
	cfg := standin.Config(t, standin.Front(t, moto, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		v.calls.Add(1)
		if v.answer != nil {
			v.answer(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}))
	cfg.Retryer = awsenv.Impatient
	s, err := awsenv.NewSecrets(cfg, awsenv.SecretsOptions{
		Location: location, Clock: v.clock,
		OnStale: func(_ context.Context, name string, err error) { v.stale = append(v.stale, name); v.harmless(err) },
	})
	v.must(err)
	v.Secrets = s
	return v
}

func (v *vault) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// harmless makes sure that an error has no value in it: all values of these
// tests contain "hush".
func (v *vault) harmless(err error) {
	v.Helper()
	if err != nil && strings.Contains(err.Error(), "hush") {
		v.Errorf("an error contains a secret: %v", err)
	}
}

// want checks a source's secrets and how often the service was asked since
// the last check; a negative number of calls is any.
func (v *vault) want(calls int32, source string, secrets ...string) {
	v.Helper()
	got, err := v.Secrets.Secrets(v.Context(), source)
	v.must(err)
	if diff := cmp.Diff(secrets, got); diff != "" {
		v.Errorf("secrets of %s (-want +got):\n%s", source, diff)
	}
	if n := v.calls.Swap(0); n != calls && calls >= 0 {
		v.Errorf("the service was asked %d times, want %d", n, calls)
	}
}

// wantFault checks that a source's secrets cannot be had.
func (v *vault) wantFault(source string, kind fault.Kind, says string) {
	v.Helper()
	got, err := v.Secrets.Secrets(v.Context(), source)
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), says) || got != nil {
		v.Errorf("%q, %v, want a fault of kind %v that says %q", got, err, kind, says)
	}
	v.harmless(err)
}

// TestSecretsRotateWithoutDeployment is the whole life of a secret.
func TestSecretsRotateWithoutDeployment(t *testing.T) {
	for _, service := range []string{"ssm", "secretsmanager"} {
		t.Run(service, func(t *testing.T) {
			v := newVault(t, service)
			v.want(1, "zendesk") // there is none yet
			v.put("sources/zendesk", "hush-1\n")
			v.want(0, "zendesk")
			v.clock.Advance(30 * time.Second)
			v.want(1, "zendesk", "hush-1")
			v.put("sources/zendesk", "hush-2\n\n  hush-1\r\n") // both are good while the sender changes over
			v.clock.Advance(5*time.Minute - time.Second)
			v.want(0, "zendesk", "hush-1")
			v.clock.Advance(time.Second)
			v.want(1, "zendesk", "hush-2", "hush-1")
			v.put("sources/zendesk", "hush-2")
			v.clock.Advance(5 * time.Minute)
			v.want(1, "zendesk", "hush-2")
			v.remove("sources/zendesk")
			v.clock.Advance(5 * time.Minute)
			v.want(1, "zendesk")
			v.want(0, "zendesk")
		})
	}
}

func TestSecretValues(t *testing.T) {
	for _, service := range []string{"ssm", "secretsmanager"} {
		t.Run(service, func(t *testing.T) {
			v := newVault(t, service)
			v.put("identity_key", " hush key\n")
			got, err := v.Value(t.Context(), "identity_key")
			if err != nil || got != "hush key" {
				t.Errorf("value %q, %v", got, err)
			}
			if _, err := v.Value(t.Context(), "other"); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "/other does not exist") {
				t.Errorf("a value that does not exist: %v", err)
			}
			v.put("blank", " \n")
			if _, err := v.Value(t.Context(), "blank"); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "empty") {
				t.Errorf("an empty value: %v", err)
			}
			v.put("sources/blank", " \n")
			v.want(-1, "blank")
		})
	}
}

// TestSecretsAskOnce: a burst of deliveries after a cold start or an expiry is
// one call.
func TestSecretsAskOnce(t *testing.T) {
	v := newVault(t, "ssm")
	v.put("sources/a", "hush")
	for range 3 {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got, err := v.Secrets.Secrets(t.Context(), "a"); err != nil || len(got) != 1 {
					t.Errorf("%d secrets, %v", len(got), err)
				}
			})
		}
		wg.Wait()
		if n := v.calls.Swap(0); n != 1 {
			t.Errorf("50 callers caused %d calls", n)
		}
		v.clock.Advance(time.Hour)
	}
}

// refuse answers as SSM and Secrets Manager do, with a status of 400 for
// almost everything.
func refuse(status int, code string) func(w http.ResponseWriter, r *http.Request, next http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"made for a test"}`, code)
	}
}

// TestSecretsBridgeAnOutage: an expired value is served while the service
// throttles, is said to be, and not for ever.
func TestSecretsBridgeAnOutage(t *testing.T) {
	v := newVault(t, "ssm")
	v.put("sources/a", "hush-1")
	v.want(1, "a", "hush-1")
	v.put("sources/a", "hush-2")
	v.answer = refuse(http.StatusBadRequest, "ThrottlingException")
	v.clock.Advance(5 * time.Minute)
	v.want(awsenv.MaxAttempts, "a", "hush-1")
	v.clock.Advance(9 * time.Second)
	v.want(0, "a", "hush-1")
	v.clock.Advance(time.Second)
	v.want(awsenv.MaxAttempts, "a", "hush-1")
	if diff := cmp.Diff([]string{"a", "a"}, trimmed(v.stale)); diff != "" {
		t.Errorf("told as stale (-want +got):\n%s", diff)
	}
	v.clock.Advance(time.Hour)
	v.wantFault("a", fault.Retry, "/sources/a")
	v.answer = nil
	v.calls.Store(0)
	v.want(1, "a", "hush-2")
}

func trimmed(names []string) (out []string) {
	for _, n := range names {
		out = append(out, strings.TrimPrefix(n, "sources/"))
	}
	return out
}

// TestSecretsRefused: each refusal has its decision, and none is bridged that
// somebody meant.
func TestSecretsRefused(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		kind   fault.Kind
		says   string
	}{
		{http.StatusBadRequest, "ThrottlingException", fault.Retry, ""},
		{http.StatusInternalServerError, "InternalServerError", fault.Retry, ""},
		{http.StatusBadRequest, "AccessDeniedException", fault.Permanent, "ssm:GetParameter"},
		{http.StatusBadRequest, "InvalidKeyId", fault.Permanent, "refuses"},
		{http.StatusBadRequest, "InvalidRequestException", fault.Permanent, "refuses"}, // waits for its deletion
	} {
		for _, service := range []string{"ssm", "secretsmanager"} {
			t.Run(service+" "+c.code, func(t *testing.T) {
				v := newVault(t, service)
				v.put("sources/old", "hush")
				v.want(1, "old", "hush")
				v.answer = refuse(c.status, c.code)
				v.clock.Advance(5 * time.Minute)
				v.wantFault("new", c.kind, c.says)
				if c.kind == fault.Permanent {
					v.wantFault("old", c.kind, c.says)
				}
				v.answer = nil
				v.calls.Store(0)
				v.want(-1, "old", "hush") // nothing is remembered of a failure
			})
		}
	}
}

// TestSecretsMustBeEncrypted: a parameter that anybody may read in the console
// is no secret.
func TestSecretsMustBeEncrypted(t *testing.T) {
	moto := standin.Config(t, standin.Moto(t).Endpoint)
	_, err := ssm.NewFromConfig(moto).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/upshot/plain/sources/a"), Value: aws.String("hush"), Type: types.ParameterTypeString,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := awsenv.NewSecrets(moto, awsenv.SecretsOptions{Location: "ssm:/upshot/plain/", Clock: env.ClockFunc(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Secrets(t.Context(), "a"); got != nil || !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "SecureString") {
		t.Errorf("%d secrets, %v", len(got), err)
	}
}

// TestSecretsWaitNoLongerThanTheirCaller: one who leaves takes nothing from
// those who stay.
func TestSecretsWaitNoLongerThanTheirCaller(t *testing.T) {
	v := newVault(t, "ssm")
	v.put("sources/a", "hush")
	arrived, goOn := make(chan struct{}), make(chan struct{})
	v.answer = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		close(arrived)
		<-goOn
		next.ServeHTTP(w, r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := v.Secrets.Secrets(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("whoever left: %v", err)
		}
	})
	<-arrived
	cancel()
	wg.Wait()
	wg.Go(func() { v.want(1, "a", "hush") })
	close(goOn)
	wg.Wait()
}

func TestSecretNamesAndLocations(t *testing.T) {
	v := newVault(t, "ssm")
	for _, name := range []string{"", "../identity_key", "a/../b", "a//b", "a b", "a*", "ü", ".x"} {
		v.wantFault(name, fault.Invalid, "cannot name a secret")
	}
	if n := v.calls.Load(); n != 0 {
		t.Errorf("the service was asked %d times for wrong names", n)
	}
	for _, location := range []string{"", "ssm", "ssm:", "ssm:/", "ssm:upshot/prod", "secretsmanager:", "vault:/upshot", "/upshot/prod"} {
		_, err := awsenv.NewSecrets(aws.Config{}, awsenv.SecretsOptions{Location: location, Clock: v.clock})
		if !fault.Is(err, fault.Permanent) {
			t.Errorf("location %q: %v", location, err)
		}
	}
	if _, err := awsenv.NewSecrets(aws.Config{}, awsenv.SecretsOptions{Location: "ssm:/upshot"}); !fault.Is(err, fault.Permanent) {
		t.Errorf("without a clock: %v", err)
	}
}
