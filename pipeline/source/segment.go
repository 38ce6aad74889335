package source

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

func init() {
	Register(&Source{
		Type:  "segment",
		Title: "Segment and RudderStack SDKs",
		Gives: []record.Table{record.Events},
		Doc: "Point the SDK's host (endpoint, data plane URL) at this server, without a path, and use one of " +
			"the secrets as the write key. Checked against what analytics-node 3.1, analytics-go 3.3 and " +
			"rudder-sdk-node 3.0 were seen to send; the browser SDK's own paths are not served.",
		Scheme:    mustProfile("segment"),
		Endpoints: segmentEndpoints(),
		Status:    http.StatusOK,
		Body:      `{"success":true}`,
		Key:       segmentKey,
		Parse:     parseSegment,
	})
}

// segmentEndpoints are the paths that the SDKs call.
func segmentEndpoints() []string {
	paths := []string{"/v1/batch"}
	for _, k := range segmentKinds() {
		paths = append(paths, "/v1/"+k)
	}
	return paths
}

// segmentKinds are the calls of the tracking API, which our kinds of events are
// named after.
func segmentKinds() []string { return record.Kinds(record.Events) }

// segmentKey is the Basic user name, with or without the colon after it, or
// writeKey in the body. A client that gives both means the header.
func segmentKey(req Request, plain []byte) string {
	auth := header(req.Header, "Authorization")
	if hasScheme(auth, "Basic") {
		_, text, _ := strings.Cut(auth, " ")
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return ""
		}
		user, _, _ := strings.Cut(string(b), ":")
		if user != "" {
			return user
		}
	}
	if len(plain) == 0 {
		return ""
	}
	// The body is not authentic yet: only the one field is taken out of it, so
	// that a stranger's body costs no more memory than it has bytes.
	var body struct {
		WriteKey json.RawMessage `json:"writeKey"`
	}
	if CheckJSON(plain) != nil || json.Unmarshal(plain, &body) != nil {
		return ""
	}
	key, err := decodeJSON(body.WriteKey)
	if err != nil {
		return ""
	}
	return key.text()
}

// parseSegment reads one call or a batch of calls. A call that is no good is a
// reject of its own and leaves the others alone.
func parseSegment(d Delivery) Parsed {
	body, err := decodeJSON(d.Body)
	if err != nil {
		return rejected(err.Error())
	}
	if !body.isObject() {
		return rejected("not a call of the tracking API: the body is not an object")
	}
	kind := path.Base(d.Path)
	if !slices.Contains(segmentKinds(), kind) {
		kind = ""
	}
	batch := body.at("batch")
	if kind != "" || batch.missing() && kind == "" && body.at("type").text() != "" {
		r, reason := segmentItem(d.Source, kind, body, value{})
		if reason != "" {
			return Parsed{Rejects: []Reject{{Table: string(record.Events), Reason: reason}}}
		}
		return one(r)
	}
	if _, ok := batch.v.([]any); !ok {
		return rejected("batch is missing or not an array")
	}
	var p Parsed
	for i, item := range batch.list() {
		r, reason := segmentItem(d.Source, "", item, body)
		if reason != "" {
			p.Rejects = append(p.Rejects, Reject{Item: i, Table: string(record.Events), Reason: reason})
			continue
		}
		p.Records = append(p.Records, r)
		p.Items = append(p.Items, i)
	}
	return p
}

// segmentItem maps one call. kind is that of the endpoint, "" to take the
// item's own; batch is what the item came in. The reason says why it is no
// good.
func segmentItem(source, kind string, item, batch value) (r record.Record, reason string) {
	m, ok := item.v.(map[string]any)
	if !ok {
		return r, "item is not an object"
	}
	if kind == "" {
		kind = item.at("type").word()
	}
	if kind == "" {
		return r, "type is missing"
	}
	if !slices.Contains(segmentKinds(), kind) {
		return r, "type must be one of " + strings.Join(segmentKinds(), ", ")
	}
	m["type"] = kind
	if merged := mergeContext(batch.at("context"), item.at("context")); merged.v != nil {
		m["context"] = merged.v
	}
	// The batch's clock is the later of the two: some clients stamp an item
	// when it is queued and send it again with the same stamp.
	sent := batch.at("sentAt").time()
	if sent.IsZero() {
		sent = item.at("sentAt").time()
	}
	r = segmentRecord(kind, item)
	r.SentAt = sent
	if r.EventID == "" {
		r.EventID = segmentDigest(source, m)
	}
	return r, ""
}

// mergeContext puts the item's context over the batch's, object by object.
func mergeContext(batch, item value) value {
	under, ok := batch.v.(map[string]any)
	if !ok {
		return item
	}
	over, _ := item.v.(map[string]any)
	merged := make(map[string]any, len(under)+len(over))
	maps.Copy(merged, under)
	for k, v := range over {
		if _, deep := v.(map[string]any); deep {
			v = mergeContext(value{merged[k]}, value{v}).v
		}
		if v != nil {
			merged[k] = v
		}
	}
	return value{merged}
}

// segmentDigest stands in for a missing messageId. What a client's retry
// changes is left out.
func segmentDigest(source string, item map[string]any) string {
	content := make(map[string]any, len(item))
	for k, v := range item {
		switch k {
		case "sentAt", "receivedAt", "writeKey", "messageId":
		default:
			content[k] = v
		}
	}
	return record.ContentID(source, value{content}.encode())
}

// segmentRecord is the mapping, field by field.
func segmentRecord(kind string, item value) record.Record {
	props, traits, ctx := item.at("properties"), item.at("traits"), item.at("context")
	ctxTraits := ctx.at("traits")
	r := record.Record{
		Table:       record.Events,
		Kind:        kind,
		EventID:     item.at("messageId").text(),
		OccurredAt:  item.at("timestamp").time(),
		UserID:      item.at("userId").text(),
		AnonymousID: item.at("anonymousId").text(),
		Email:       first(traits.at("email"), ctxTraits.at("email")),
		AccountID:   first(ctx.at("groupId"), item.at("groupId")),
		Plan:        first(traits.at("plan"), ctxTraits.at("plan"), props.at("plan")),
		Locale:      ctx.at("locale").text(),
		Country:     first(ctx.at("location", "country"), props.at("country")),
		Platform: first(ctx.at("platform"), props.at("platform"),
			ctx.at("device", "type"), ctx.at("os", "name")),
		AppVersion: ctx.at("app", "version").text(),
		SessionID:  first(ctx.at("sessionId"), props.at("session_id")),
		Revenue:    props.at("revenue").number(),
		Currency:   props.at("currency").text(),
		DurationMS: props.at("duration_ms").number(),
		Properties: props.object(),
		Traits:     traits.object(),
	}
	if r.OccurredAt.IsZero() {
		r.OccurredAt = item.at("originalTimestamp").time()
	}
	switch kind {
	case "track":
		r.Name = item.at("event").text()
	case "page", "screen":
		r.Name = item.at("name").text()
	case "alias":
		r.AnonymousID = item.at("previousId").text()
	}
	if r.DurationMS != nil && *r.DurationMS < 0 {
		r.DurationMS = nil // nonsense in one property, which stays in properties, is no reason to lose the event
	}
	return r
}
