package enrich

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/jdkato/prose/v2"
)

// posTagger gives the tagger, built by its first use: it takes a quarter of a
// second, and most deployments never ask for keyphrases. Like an embedded file
// it is the same for all and never written to.
var posTagger = sync.OnceValue(newTagger)

// tagger runs prose's averaged perceptron over prose's weights. Prose's own
// loop adds weights in the order of Go's maps, so that a near tie falls one way
// today and the other tomorrow; here the order is fixed, and the same text
// gives the same tags. It is also several times as fast.
type tagger struct {
	classes []string
	known   map[string]string            // words with one tag only
	weights map[string]map[string][]vote // feature kind -> value -> votes
	bias    []vote
}

// vote is a feature's weight for one class.
type vote struct {
	class  int32
	weight float32
}

// newTagger decodes the model inside prose. The model is part of the binary:
// if it cannot be read, the build is broken.
func newTagger() *tagger {
	var (
		classes []string
		known   map[string]string
		weights map[string]map[string]float64
	)
	decode("classes", &classes)
	decode("tags", &known)
	decode("weights", &weights)
	t := &tagger{classes: classes, known: known, weights: map[string]map[string][]vote{}}
	number := make(map[string]int32, len(classes))
	for i, c := range classes {
		number[c] = int32(i) //#nosec G115 -- 45 tags
	}
	for feature, byClass := range weights {
		kind, value := splitFeature(feature)
		votes := make([]vote, 0, len(byClass))
		for _, c := range classes { // in the order of the classes
			if w, ok := byClass[c]; ok && w != 0 {
				votes = append(votes, vote{number[c], float32(w)})
			}
		}
		if feature == "bias" {
			t.bias = votes
			continue
		}
		if t.weights[kind] == nil {
			t.weights[kind] = map[string][]vote{}
		}
		t.weights[kind][value] = votes
	}
	return t
}

// decode reads one part of the model that is embedded in prose.
func decode(name string, into any) {
	data, err := prose.Asset("model/AveragedPerceptron/" + name + ".gob")
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(into)
	}
	if err != nil {
		panic(fmt.Sprintf("enrich: the tagger's %s inside prose cannot be read: %v", name, err))
	}
}

// featureKinds are the names of the features, the longer of two with the same
// start first.
var featureKinds = []string{
	"i tag+i-2 tag", "i-1 tag+i word", "i suffix", "i pref1", "i-1 tag", "i-2 tag", "i word", "i-1 word",
	"i-1 suffix", "i-2 word", "i+1 word", "i+1 suffix", "i+2 word",
}

// splitFeature parts "i-1 tag NN" into the kind of feature and its value.
func splitFeature(f string) (kind, value string) {
	for _, k := range featureKinds {
		if rest, ok := strings.CutPrefix(f, k+" "); ok {
			return k, rest
		}
	}
	return "", f
}

// tag gives a Penn Treebank tag for each word of a sentence.
func (t *tagger) tag(words []prose.Token) []string {
	context := make([]string, 0, len(words)+4)
	context = append(context, "-START-", "-START2-")
	for _, w := range words {
		context = append(context, normaliseWord(w.Text))
	}
	context = append(context, "-END-", "-END2-")
	tags := make([]string, len(words))
	p1, p2 := "-START-", "-START2-"
	for i, w := range words {
		tag, ok := t.known[w.Text]
		if w.Text == "-" {
			tag = "-"
		} else if !ok {
			tag = t.predict(i+2, context, w.Text, p1, p2)
		}
		tags[i] = tag
		p2, p1 = p1, tag
	}
	return tags
}

// predict adds the votes of the features in a fixed order; of equal sums the
// first class wins.
func (t *tagger) predict(i int, ctx []string, word, p1, p2 string) string {
	var scores [64]float32
	add := func(votes []vote) {
		for _, v := range votes {
			scores[v.class] += v.weight
		}
	}
	add(t.bias)
	add(t.weights["i suffix"][suffix(word)])
	add(t.weights["i pref1"][word[:1]])
	add(t.weights["i-1 tag"][p1])
	add(t.weights["i-2 tag"][p2])
	add(t.weights["i tag+i-2 tag"][p1+" "+p2])
	add(t.weights["i word"][ctx[i]])
	add(t.weights["i-1 tag+i word"][p1+" "+ctx[i]])
	add(t.weights["i-1 word"][ctx[i-1]])
	add(t.weights["i-1 suffix"][suffix(ctx[i-1])])
	add(t.weights["i-2 word"][ctx[i-2]])
	add(t.weights["i+1 word"][ctx[i+1]])
	add(t.weights["i+1 suffix"][suffix(ctx[i+1])])
	add(t.weights["i+2 word"][ctx[i+2]])
	best, high := 0, float32(math.Inf(-1))
	for c := range t.classes {
		if scores[c] > high {
			best, high = c, scores[c]
		}
	}
	return t.classes[best]
}

// suffix is the last three bytes, as the model was trained.
func suffix(w string) string { return w[len(w)-min(len(w), 3):] }

// normaliseWord is how the model sees a word of the context.
func normaliseWord(w string) string {
	switch {
	case strings.Contains(w, "-") && w[0] != '-':
		return "!HYPHEN"
	case isDigit(w[0]):
		if _, err := strconv.Atoi(w); err == nil && len(w) == 4 {
			return "!YEAR"
		}
		return "!DIGITS"
	}
	return strings.ToLower(w)
}
