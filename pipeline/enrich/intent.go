package enrich

import "strings"

// The intents of a text or a sentence.
const (
	IntentBug       = "bug"
	IntentRequest   = "request"
	IntentQuestion  = "question"
	IntentPraise    = "praise"
	IntentComplaint = "complaint"
	IntentOther     = "other"
)

// intents in the order in which a tie is decided: what asks for work first.
var intents = [...]string{IntentBug, IntentRequest, IntentQuestion, IntentComplaint, IntentPraise}

// intentTally is the evidence for each of intents.
type intentTally [len(intents)]float64

const (
	bugCue = iota
	requestCue
	questionCue
	complaintCue
	praiseCue
)

// minEvidence is what an intent needs at least; below it is "other". One weak
// cue is not enough.
const minEvidence = 1.5

// add puts the evidence of a sentence to that of the text.
func (t *intentTally) add(o intentTally) {
	for i, x := range o {
		t[i] += x
	}
}

// opinionWeight is what praise and complaint count beside what asks for work:
// "great app, but please add X" is a request.
const opinionWeight = 0.6

// intent is the one with the most evidence.
func (t *intentTally) intent() string {
	best, most := IntentOther, 0.0
	for i, x := range t {
		if x < minEvidence {
			continue
		}
		if i == praiseCue || i == complaintCue {
			x *= opinionWeight
		}
		if x > most {
			best, most = intents[i], x
		}
	}
	return best
}

// lean adds what a sentiment says about the intent: liking and disliking are
// evidence for praise and complaint, as strong as one cue. Politeness is not:
// "please" in a sentence that asks for something says nothing about liking.
func (t *intentTally) lean(score *float64) {
	asks := t[bugCue] >= 2 || t[requestCue] >= 2 || t[questionCue] >= 2
	switch {
	case score == nil || asks && *score > 0:
	case *score >= 0.5:
		t[praiseCue] += 1.5
	case *score >= 0.2:
		t[praiseCue]++
	case *score <= -0.5:
		t[complaintCue] += 1.5
	case *score <= -0.2:
		t[complaintCue]++
	}
}

// cue is the evidence that a phrase gives.
type cue struct {
	intent int
	weight float64
}

// cueLists are phrases by the intent they speak for and their weight. They are
// matched like themes: stemmed, the longest at each place.
var cueLists = []struct {
	cue
	phrases string // comma-separated
}{
	{cue{bugCue, 4}, `steps to reproduce, expected behavior, expected behaviour, actual behavior, actual behaviour,
		expected result, actual result, stack trace, stacktrace, traceback, bug report`},
	{cue{bugCue, 3}, `bug, buggy, crash, broken, broke, not working, doesn't work, doesnt work, does not work, don't work,
		dont work, do not work, didn't work, did not work, isn't working, aren't working, stopped working, stop working,
		no longer works, no longer working, exception, freezes, freezing, frozen, glitch, corrupt, corrupted, data loss,
		blank page, blank screen, white screen, black screen, blue screen, regression, segfault, null pointer,
		won't load, won't open, won't start, won't save, won't sync, won't play, won't let me, wont load, wont open,
		wont let me, will not load, will not open, doesn't load, doesn't open, doesn't save, doesn't sync,
		doesn't show, doesn't respond, doesn't update, not loading, not responding, not showing, not syncing, not saving,
		not opening, not updating, internal server error, error message, keeps crashing, keeps stopping, keeps saying,
		force close, force closes, can't open, can't load, can't log in, can't login, can't sign in, cannot log in,
		cannot login, cannot open, cannot sign in, unable to log in, unable to login, unable to open, memory leak`},
	{cue{bugCue, 2}, `error, errors, fail, fails, failed, failing, failure, hangs, stuck, unable to, timeout, timed out,
		disappeared, incorrect, incorrectly, wrong result, reproduce, unexpected, unexpectedly, malfunction, doesn't,
		lag, laggy, vanished, not displayed, not work, undefined, can't even, fix this, please fix, plz fix, pls fix, fix it, needs fixing, used to work, can't access, can't send,
		can't see, can't play, can't connect, can't download, can't upload, can't use, can't access, doesn't let, wouldn't let,
		not able to, isn't loading, lost all, keeps, every time i, suddenly, no longer`},
	{cue{bugCue, 1}, `can't, cannot, cant, after the update, since the update, after update, latest update, wrong, fix,
		issue, problem, nothing happens, invalid, missing`},
	{cue{requestCue, 4}, `feature request, please add, can you add, could you add, pls add, plz add, add support, add an option,
		add option, add a feature, add the ability, enhancement, please implement, new feature, consider adding`},
	{cue{requestCue, 3}, `would be great, would be nice, would be good, would be helpful, would be useful, would be awesome,
		would be amazing, would be better, would be cool, would be perfect, would make it, would love, ability to,
		should be able to, should allow, should support, need a way, needs a way, any plan, any plans, suggestion,
		proposal, please consider, please include, please allow, please support, please make, please bring, please provide,
		please give, missing feature, hope you add, hope you can add, hope to see, wish there was, wish there were,
		wish it had, wish i could, wish you could, wish we could, give us, bring back, let us, allow me to, allow us to,
		allow users to, needs an option, need an option, would be, please change, please put, please get, please remove,
		please create, please let, please improve, please update the, please increase, please return, please enable,
		there should be, there needs to be, needs to be able, no option to, no option for, no way to, it needs, request for,
		missing an option, lacks an option, would make, looking forward to, hope to have, can you make, can you please,
		could you please, could we have, can we have, can we get, make it possible`},
	{cue{requestCue, 2}, `wish, i'd like, i would like, we would like, we'd like, support for, option to, an option, should have,
		should add, should make, suggest, would prefer, implement, needs to have, need to add, needs more, could use,
		hopefully, allow, feature, improve, could you make, add more, i want, need more, please, pls, plz, more options,
		should be, used to be able, instead of, at least make`},
	{cue{requestCue, 1}, `should, would like, need, add, could, better if`},
	{cue{questionCue, 3}, `how do i, how do we, how do you, how can i, how can we, how to, how should, is there a way,
		is there any way, is it possible, can you explain, can you tell, does anyone know, not sure how, not sure if,
		what is the difference, what's the difference, where can i find, where do i, could you tell me, wondering,
		can someone, could someone, how does, why does, why is, what does, am i able to, is there an`},
	{cue{questionCue, 2}, `question, don't understand, please advise, please explain, any idea, any ideas, clarify,
		clarification, confused about, let me know, curious`},
	{cue{complaintCue, 4}, `unacceptable, waste of money, waste of time, rip off, ripoff, never again, fed up, not acceptable`},
	{cue{complaintCue, 3}, `terrible, horrible, awful, worst, disappointed, disappointing, disappointment, frustrated,
		frustrating, frustration, annoying, annoyed, ridiculous, useless, scam, too expensive, overpriced, too slow, so slow,
		very slow, hate, sucks, still waiting, no response, no reply, rude, unhappy, not happy, nightmare, pathetic,
		misleading, overcharged, garbage, trash, not worth, poor service, bad service, too complicated, too hard,
		makes no sense, waste, cancel my, cancelling, switching to, looking for an alternative, uninstall, uninstalled, uninstalling`},
	{cue{complaintCue, 2}, `poor, bad, confusing, complicated, clunky, joke, slow, hard to, difficult to, too many, refund,
		lost trust, lacking, lacks, unreliable, expensive, not good, not great, boring, stupid, crap, ads`},
	{cue{praiseCue, 4}, `well done, great job, good job, great work, highly recommend, keep up the good work, keep it up, love it,
		love this, five stars, 5 stars, works great, works well, works perfectly, works like a charm, exceeded expectations`},
	{cue{praiseCue, 3}, `love, awesome, amazing, excellent, fantastic, wonderful, brilliant, superb, impressed, impressive,
		great app, good app, nice app, best app, easy to use, very helpful, happy with, outstanding, perfect, perfectly, loving,
		great product, great tool, great service, so helpful, lifesaver, game changer, pleasure, delighted`},
	{cue{praiseCue, 2}, `great, best, nice, thank you, recommend, enjoy, enjoying, helpful, beautiful, addictive, fun, cool,
		pleased, satisfied, fast and easy, intuitive`},
	{cue{praiseCue, 1}, `thanks, good, like it, useful, happy, easy, well, better than`},
}

// addCues puts the cues into their trie.
func (e *Enricher) addCues() {
	for _, list := range cueLists {
		for p := range strings.SplitSeq(list.phrases, ",") {
			e.addPhrase(e.cueTrie, p, len(e.cues))
		}
		e.cues = append(e.cues, list.cue)
	}
}

// questionStarts are the words that open a question.
var questionStarts = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`how what where when why who which whose can could is are do does did will would
		should has have am was were any anyone`) {
		m[w] = true
	}
	return m
}()

// cuesOf is the evidence in one sentence. Cues are English; of another
// language only the question mark is read.
func (e *Enricher) cuesOf(s string, words []token, ids []int32, score *float64, english bool) intentTally {
	var t intentTally
	if asks := strings.HasSuffix(strings.TrimRight(s, " \"')!"), "?"); asks {
		t[questionCue] += 2
		if len(words) > 0 && questionStarts[words[0].lower] {
			t[questionCue]++
		}
	}
	if !english {
		return t
	}
	e.cueTrie.each(ids, func(v int32) {
		c := e.cues[v]
		t[c.intent] += c.weight
	})
	t.lean(score)
	return t
}
