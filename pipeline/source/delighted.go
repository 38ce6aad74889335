package source

import (
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

func init() {
	Register(&Source{
		Type:  "delighted",
		Title: "Delighted",
		Gives: []record.Table{record.Surveys},
		Doc: "Add a webhook with this address under Integrations and use the project's API key as the " +
			"secret. Person properties named plan, locale, country, platform, app_version, product, " +
			"user_id and account_id are taken over. Not verified against Delighted itself: that the " +
			"signature is hexadecimal, and the scale of CES (5 points, or 7 when the answer is above 5).",
		Scheme: mustProfile("delighted"),
		Parse:  parseDelighted,
	})
}

// parseDelighted reads a survey response. The score comes with "created", the
// comment later with "updated": two events about one response, of which the
// later corrects the earlier. Tests and unsubscriptions are ignored.
func parseDelighted(d Delivery) Parsed {
	body, err := decodeJSON(d.Body)
	if err != nil {
		return rejected(err.Error())
	}
	switch kind := body.at("event_type").word(); kind {
	case "survey_response.created", "survey_response.updated":
	case "":
		return rejected("not a Delighted event: it has no event_type")
	default:
		return Parsed{}
	}
	data := body.at("event_data")
	if !data.isObject() {
		return rejected("not a survey response: event_data is not an object")
	}
	base := delightedBase(body, data)
	main := base
	main.Text = data.at("comment").text()
	var p Parsed
	if reason := delightedScore(&main, data); reason != "" {
		p = rejected(reason)
	} else {
		p = one(main)
	}
	for _, a := range data.at("additional_answers").list() {
		if r, ok := delightedAnswer(base, a); ok {
			p.Records = append(p.Records, r)
			p.Items = append(p.Items, 0)
		}
	}
	return p
}

// delightedBase is what all answers of a response share.
func delightedBase(body, data value) record.Record {
	props := delightedProperties(data.at("person_properties"))
	r := record.Record{
		Table:      record.Surveys,
		EventID:    body.at("event_id").text(),
		OccurredAt: data.at("updated_at").time(),
		ResponseID: data.at("id").text(),
		SurveyID:   data.at("survey_type").word(),
		Email:      data.at("person", "email").text(),
		UserID:     props["user_id"],
		AccountID:  props["account_id"],
		Plan:       props["plan"],
		Locale:     props["locale"],
		Country:    props["country"],
		Platform:   props["platform"],
		AppVersion: props["app_version"],
		Product:    props["product"],
	}
	if r.OccurredAt.IsZero() {
		r.OccurredAt = data.at("created_at").time()
	}
	return r
}

// delightedProperties reads the person's properties under plain names: people
// write them as "App Version" or "app_version".
func delightedProperties(props value) map[string]string {
	plain := map[string]string{}
	m, _ := props.v.(map[string]any)
	for k, v := range m {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(k)), " ", "_")
		text := value{v}.text()
		// Of two spellings the larger text wins, whatever the map's order.
		if text > plain[name] {
			plain[name] = text
		}
	}
	return plain
}

// delightedScales are kind and scale by survey type.
var delightedScales = map[string]struct {
	kind      string
	low, high float64
}{
	"nps":     {"nps", 0, 10},
	"enps":    {"nps", 0, 10},
	"csat":    {"csat", 1, 5},
	"csat3":   {"csat", 1, 3},
	"ces":     {"ces", 1, 5},
	"ces7":    {"ces", 1, 7},
	"smileys": {"rating", 1, 5},
	"stars":   {"rating", 1, 5},
	"thumbs":  {"rating", 0, 1},
}

// delightedScore fills in kind, score and scale of the main question; the
// reason says why it cannot.
func delightedScore(r *record.Record, data value) (reason string) {
	kind := data.at("survey_type").word()
	r.QuestionID = kind
	score := data.at("score").number()
	scale, known := delightedScales[kind]
	switch {
	case !known && score == nil:
		r.Kind = "text"
		return ""
	case !known:
		return "survey_type is not known, so its score has no scale"
	case score == nil:
		return "score is missing or not a number"
	}
	if kind == "ces" && *score > 5 {
		scale.high = 7
	}
	r.Kind, r.Score, r.ScaleMin, r.ScaleMax = scale.kind, score, &scale.low, &scale.high
	return ""
}

// delightedAnswer reads one additional answer: free text, a choice, several
// choices, or a scale whose ends are not in the payload.
func delightedAnswer(base record.Record, a value) (record.Record, bool) {
	r := base
	id := first(a.at("question", "id"), a.at("id"))
	if id == "" {
		return r, false
	}
	if r.EventID != "" {
		r.EventID += ":" + id
	}
	r.QuestionID = id
	answer := a.at("value")
	if s := answer.at("free_response").text(); s != "" {
		r.Kind, r.Text = "text", s
		return r, true
	}
	var choices []string
	for _, c := range append(answer.at("select_many").list(), answer.at("select_one"), answer.at("scale")) {
		if s := first(c, c.at("text"), c.at("id")); s != "" {
			choices = append(choices, s)
		}
	}
	r.Kind, r.Choice = "choice", strings.Join(choices, ", ")
	return r, r.Choice != ""
}
