package localenv

import (
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/env"
)

// Whatever a mail says, its file has a name that the store takes.
func FuzzMailName(f *testing.F) {
	f.Add([]byte("Date: Mon, 23 Nov 2026 08:00:00 +0100\r\nSubject: =?utf-8?q?=C3=BC?=\r\n\r\nx"))
	f.Add([]byte("Subject: ../../etc/passwd\r\n\r\n"))
	f.Add([]byte("Subject: " + strings.Repeat("long ", 500) + "\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		name, err := mailName(raw)
		if err != nil {
			return
		}
		if err := env.CheckKey(name); err != nil || strings.Contains(name, "/") || !strings.HasSuffix(name, ".eml") {
			t.Errorf("name %q: %v", name, err)
		}
	})
}

// No error about an address tells its password.
func FuzzNewSMTP(f *testing.F) {
	f.Add("smtp", "host:587")
	f.Add("smtps", "[::1]:x")
	f.Add("ht tp", "%zz")
	f.Fuzz(func(t *testing.T, scheme, host string) {
		if _, err := NewSMTP(scheme + "://user:correct-horse@" + host); err != nil && strings.Contains(err.Error(), "correct-horse") {
			t.Error(err)
		}
	})
}
