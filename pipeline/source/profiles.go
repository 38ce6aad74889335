package source

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A profile is a sender's scheme under a name that mapping files can use, with
// the handshake that belongs to it.
type profile struct {
	scheme    Scheme
	handshake func(Request) (Answer, bool)
}

// hmacHeader is the most common row: HMAC-SHA256 over the body.
func hmacHeader(header, encoding, prefix string) Scheme {
	return Scheme{Kind: kindHMAC, Header: header, Encoding: encoding, Prefix: prefix}
}

// standardWebhooks is https://www.standardwebhooks.com with its header names
// in a given spelling.
func standardWebhooks(prefix string) Scheme {
	return Scheme{
		Kind: kindHMAC, Header: prefix + "-signature", Encoding: "base64", Prefix: "v1,", Separator: " ",
		Signed: "{id}.{ts}.{body}", IDHeader: prefix + "-id", TimestampHeader: prefix + "-timestamp",
		TimestampUnit: "s", Secret: "whsec",
	}
}

// profiles has every sender whose way of signing is known. Checked by vectors
// that the sender published: pagerduty, github, slack, hubspot-v1, hubspot-v2,
// standard-webhooks. From the sender's documentation or its own code: zendesk,
// front, front-rule, helpscout, hubspot, segment-webhook. From other projects
// that verify these senders: the rest.
var profiles = map[string]profile{
	// Zendesk signs the timestamp as it is written in the header, right before
	// the body.
	"zendesk": {scheme: Scheme{
		Kind: kindHMAC, Header: "X-Zendesk-Webhook-Signature", Encoding: "base64", Signed: "{ts}{body}",
		TimestampHeader: "X-Zendesk-Webhook-Signature-Timestamp", TimestampUnit: "rfc3339",
	}},
	"delighted": {scheme: hmacHeader("X-Delighted-Webhook-Signature", "hex", "sha256=")},
	"github":    {scheme: hmacHeader("X-Hub-Signature-256", "hex", "sha256=")},
	"slack": {scheme: Scheme{
		Kind: kindHMAC, Header: "X-Slack-Signature", Prefix: "v0=", Signed: "v0:{ts}:{body}",
		TimestampHeader: "X-Slack-Request-Timestamp",
	}, handshake: slackChallenge},
	// PagerDuty sends one signature for each active secret while one is rotated.
	"pagerduty": {scheme: Scheme{Kind: kindHMAC, Header: "X-PagerDuty-Signature", Prefix: "v1=", Separator: ","}},
	// HubSpot signs the address that it called: behind a proxy the request must
	// carry the public one. Its older versions hash without HMAC.
	"hubspot": {scheme: Scheme{
		Kind: kindHMAC, Header: "X-HubSpot-Signature-v3", Encoding: "base64", Signed: "{method}{decoded_url}{body}{ts}",
		TimestampHeader: "X-HubSpot-Request-Timestamp", TimestampUnit: "ms",
	}},
	"hubspot-v1":        {scheme: Scheme{Kind: kindDigest, Header: "X-HubSpot-Signature"}},
	"hubspot-v2":        {scheme: Scheme{Kind: kindDigest, Header: "X-HubSpot-Signature", Signed: "{method}{url}{body}"}},
	"standard-webhooks": {scheme: standardWebhooks("webhook")},
	"svix":              {scheme: standardWebhooks("svix")},
	"formbricks":        {scheme: standardWebhooks("webhook")},
	// Intercom's key is the app's client secret.
	"intercom": {scheme: Scheme{Kind: kindHMAC, Header: "X-Hub-Signature", Algorithm: "sha1", Prefix: "sha1="}},
	"jira":     {scheme: hmacHeader("X-Hub-Signature", "hex", "sha256=")},
	// Typeform signs the line break that its bodies end with.
	"typeform": {scheme: hmacHeader("Typeform-Signature", "base64", "sha256=")},
	"tally":    {scheme: hmacHeader("Tally-Signature", "base64", "")},
	// Front's application and rule webhooks share a header and differ in the
	// rest. Which one is meant is configured, never guessed from the request:
	// that would let a caller choose the weaker.
	"front": {scheme: Scheme{
		Kind: kindHMAC, Header: "X-Front-Signature", Encoding: "base64", Signed: "{ts}:{body}",
		TimestampHeader: "X-Front-Request-Timestamp", TimestampUnit: "ms",
	}, handshake: frontChallenge},
	"front-rule": {scheme: Scheme{Kind: kindHMAC, Header: "X-Front-Signature", Algorithm: "sha1", Encoding: "base64"}},
	"helpscout":  {scheme: Scheme{Kind: kindHMAC, Header: "X-HelpScout-Signature", Algorithm: "sha1", Encoding: "base64"}},
	// SurveyMonkey's key is client id and secret, joined with &.
	"surveymonkey": {scheme: Scheme{
		Kind: kindHMAC, Header: "Sm-Signature", Algorithm: "sha1", Encoding: "base64", Secret: "pair",
	}, handshake: headIsFine},
	"chatwoot": {scheme: Scheme{
		Kind: kindHMAC, Header: "X-Chatwoot-Signature", Prefix: "sha256=", Signed: "{ts}.{body}",
		TimestampHeader: "X-Chatwoot-Timestamp",
	}},
	"sentry":       {scheme: hmacHeader("Sentry-Hook-Signature", "hex", "")},
	"launchdarkly": {scheme: hmacHeader("X-LD-Signature", "hex", "")},
	// GitLab sends its token as it is. Its newer signing token is not here: the
	// header's name is not settled.
	"gitlab": {scheme: Scheme{Kind: kindToken, Header: "X-Gitlab-Token"}},
	// Canny signs a nonce and nothing else: whoever saw one delivery can send
	// any body. Worth little more than a token in a header.
	"canny": {scheme: Scheme{
		Kind: kindHMAC, Header: "Canny-Signature", Encoding: "base64", Signed: "{nonce}", NonceHeader: "Canny-Nonce",
	}},
	"segment":         {scheme: Scheme{Kind: kindBasic}},
	"segment-webhook": {scheme: Scheme{Kind: kindHMAC, Header: "X-Signature", Algorithm: "sha1"}},
	"api":             {scheme: Scheme{Any: []Scheme{{Kind: kindBearer}, standardWebhooks("webhook")}}},
	"basic":           {scheme: Scheme{Kind: kindBasic}},
	"bearer":          {scheme: Scheme{Kind: kindBearer}},
	// url-secret is for senders that can sign nothing: the secret stands in
	// the address, as ?secret=..., and must be kept out of access logs.
	"url-secret": {scheme: Scheme{Kind: kindQuery, Parameter: "secret"}},
}

// Profiles lists the names that a mapping file's verify may have, sorted.
func Profiles() []string {
	var names []string
	for name := range profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Profile gives a sender's scheme by name.
func Profile(name string) (Scheme, error) {
	p, ok := profiles[name]
	if !ok {
		return Scheme{}, fmt.Errorf("verify: there is no profile %q; there are %s", name, strings.Join(Profiles(), ", "))
	}
	return p.scheme, nil
}

// mustProfile is Profile for the sources built in.
func mustProfile(name string) Scheme {
	s, err := Profile(name)
	if err != nil {
		panic(err)
	}
	return s
}

// slackChallenge answers the call by which Slack tests a new address.
func slackChallenge(r Request) (Answer, bool) {
	var b struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if len(r.Body) > 64<<10 || json.Unmarshal(r.Body, &b) != nil || b.Type != "url_verification" || b.Challenge == "" {
		return Answer{}, false
	}
	return challenge(b.Challenge, true)
}

// frontChallenge answers Front's validation of an application's address.
func frontChallenge(r Request) (Answer, bool) {
	c := header(r.Header, "X-Front-Challenge")
	if c == "" || len(c) > 4096 {
		return Answer{}, false
	}
	return challenge(c, true)
}

// challenge is the answer that Slack and Front look for: their own text back.
func challenge(c string, auth bool) (Answer, bool) {
	body, err := json.Marshal(map[string]string{"challenge": c})
	return Answer{Status: http.StatusOK, ContentType: "application/json", Body: body, NeedsAuth: auth}, err == nil
}

// headIsFine answers SurveyMonkey's HEAD on creation of a webhook.
func headIsFine(r Request) (Answer, bool) {
	return Answer{Status: http.StatusOK, ContentType: "application/json"}, r.Method == http.MethodHead
}
