package awsenv_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/fault"
)

// sentMail is a request for SES.
type sentMail struct {
	From             string `json:"FromEmailAddress"`
	ConfigurationSet string `json:"ConfigurationSetName"`
	Destination      struct{ ToAddresses []string }
	Content          struct{ Raw struct{ Data []byte } }
}

// mailer sends to a real server, and keeps what that accepted: the server
// itself shows mails only parsed.
func mailer(t *testing.T, o awsenv.MailerOptions) (m env.Mailer, accepted func() []sentMail) {
	t.Helper()
	var mu sync.Mutex
	var mails []sentMail
	e := standin.Front(t, standin.SES(t).Endpoint, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Code == http.StatusOK {
			var mail sentMail
			if err := json.Unmarshal(body, &mail); err != nil {
				t.Error(err)
			}
			mu.Lock()
			mails = append(mails, mail)
			mu.Unlock()
		}
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
	return awsenv.NewMailer(standin.Config(t, e), o), func() []sentMail {
		mu.Lock()
		defer mu.Unlock()
		return mails
	}
}

func TestMailer(t *testing.T) {
	envtest.Mailer(t, func(t *testing.T) (env.Mailer, func() [][]byte) {
		m, accepted := mailer(t, awsenv.MailerOptions{})
		return m, func() (raws [][]byte) {
			for _, mail := range accepted() {
				raws = append(raws, mail.Content.Raw.Data)
			}
			return raws
		}
	})
}

// TestMailEnvelope: sender, recipients and configuration set are those of the
// request, whatever the headers say; the server shows the mail.
func TestMailEnvelope(t *testing.T) {
	m, accepted := mailer(t, awsenv.MailerOptions{ConfigurationSet: "upshot-prod"})
	to := []string{"a@example.com", "Béa <b@example.com>"}
	raw := "From: upshot@example.com\r\nTo: all@example.com\r\nSubject: week 47 of TestMailEnvelope\r\n\r\nNPS 41\r\n"
	if err := m.Send(t.Context(), env.Mail{From: "Upshot <upshot@example.com>", To: to, Raw: []byte(raw)}); err != nil {
		t.Fatal(err)
	}
	want := sentMail{From: "Upshot <upshot@example.com>", ConfigurationSet: "upshot-prod"}
	want.Destination.ToAddresses = to
	want.Content.Raw.Data = []byte(raw)
	if diff := cmp.Diff([]sentMail{want}, accepted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	resp, err := http.Get(standin.SES(t).URL + "/store")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	shown, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(shown, []byte("week 47 of TestMailEnvelope")) || !bytes.Contains(shown, []byte("NPS 41")) {
		t.Errorf("the server shows %.500s, %v", shown, err)
	}
}

// TestMailsThatSESWouldRefuse do not travel.
func TestMailsThatSESWouldRefuse(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer srv.Close()
	m := awsenv.NewMailer(standin.Config(t, standin.Endpoint{Service: "SESv2", URL: srv.URL}), awsenv.MailerOptions{})
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf("a%d@example.com", i)
	}
	one := many[:1]
	for says, mail := range map[string]env.Mail{
		"sender":            {From: "upshot", To: one, Raw: []byte("x")},
		"no recipient":      {From: "u@example.com", Raw: []byte("x")},
		`recipient "b`:      {From: "u@example.com", To: []string{"a@example.com", "b\r\nBcc: c@example.com"}, Raw: []byte("x")},
		"51 recipients":     {From: "u@example.com", To: many, Raw: []byte("x")},
		"41943041 bytes":    {From: "u@example.com", To: one, Raw: make([]byte, 40<<20+1)},
		"the mail is empty": {From: "u@example.com", To: one},
	} {
		if err := m.Send(t.Context(), mail); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want a fault of kind Invalid that says %q", err, says)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("SES was asked %d times", asked.Load())
	}
}

// sesError answers as SES does when it refuses.
func sesError(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code+":http://internal.amazon.com/coral/com.amazonaws.services.simpleemailv2/")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"made for a test"}`)
}

var plainMail = env.Mail{From: "u@example.com", To: []string{"a@example.com"}, Raw: []byte("From: u@example.com\r\nTo: a@example.com\r\n\r\nx\r\n")}

func TestMailerRefusals(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, says string
		kind       fault.Kind
	}{
		{429, "TooManyRequestsException", "", fault.Retry},
		{400, "LimitExceededException", "", fault.Retry},
		{400, "Throttling", "", fault.Retry},
		{500, "InternalFailure", "", fault.Retry},
		{503, "ServiceUnavailable", "", fault.Retry},
		{403, "ExpiredTokenException", "", fault.Retry},
		{400, "MessageRejected", "sandbox", fault.Permanent},
		{400, "MailFromDomainNotVerifiedException", "verified", fault.Permanent},
		{400, "AccountSuspendedException", "switched off", fault.Permanent},
		{400, "SendingPausedException", "switched off", fault.Permanent},
		{403, "AccessDeniedException", "ses:SendRawEmail", fault.Permanent},
		{404, "NotFoundException", "UPSHOT_MAIL_CONFIGURATION_SET", fault.Permanent},
		{400, "BadRequestException", "SES refuses", fault.Permanent},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sesError(w, r, c.status, c.code) }))
		cfg := standin.Config(t, standin.Endpoint{Service: "SESv2", URL: srv.URL})
		cfg.Retryer = awsenv.Impatient
		err := awsenv.NewMailer(cfg, awsenv.MailerOptions{ConfigurationSet: "set"}).Send(t.Context(), plainMail)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%s: %v, want a fault of kind %v that says %q", c.code, err, c.kind, c.says)
		}
		srv.Close()
	}
}

func TestMailerOutlastsThrottling(t *testing.T) {
	var calls atomic.Int32
	e := standin.Front(t, standin.SES(t).Endpoint, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if calls.Add(1) < awsenv.MaxAttempts {
			sesError(w, r, http.StatusTooManyRequests, "TooManyRequestsException")
			return
		}
		next.ServeHTTP(w, r)
	})
	cfg := standin.Config(t, e)
	cfg.Retryer = awsenv.Impatient
	if err := awsenv.NewMailer(cfg, awsenv.MailerOptions{}).Send(t.Context(), plainMail); err != nil || calls.Load() != awsenv.MaxAttempts {
		t.Errorf("%d calls: %v", calls.Load(), err)
	}
}
