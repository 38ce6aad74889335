package enrich

import (
	"math"
	"strings"

	"github.com/jonreiter/govader"
)

// The labels of a sentiment.
const (
	Negative = "negative"
	Neutral  = "neutral"
	Positive = "positive"
)

// neutralBand is where a score says neither. It is the band that the lexicon's
// authors use (Hutto and Gilbert 2014): |compound| < 0.05.
const neutralBand = 0.05

// sentiments scores sentences with the VADER lexicon and rules. The analyser's
// tables are only read, so one serves all goroutines.
type sentiments struct {
	vader *govader.SentimentIntensityAnalyzer
}

// newSentiments reads the lexicon inside govader, 10 ms of work.
func newSentiments() sentiments {
	return sentiments{govader.NewSentimentIntensityAnalyzer()}
}

// sentence scores one sentence from -1 to 1: VADER's compound.
func (s sentiments) sentence(text string) float64 {
	text = strings.ReplaceAll(text, "’", "'") // the lexicon knows straight ones
	return roundScore(s.vader.PolarityScores(strings.ReplaceAll(text, "\n", " ")).Compound)
}

// documentScore makes one score of the sentences' scores x_i:
//
//	y = sum of w_i * x_i / sqrt(1 - x_i^2),  score = y / sqrt(y^2 + 1)
//
// VADER's compound is v / sqrt(v^2 + 15) for a sum of valences v, so the inner
// term is that sum again: the document is scored as if it were one sentence,
// as VADER does, but without one sentence's "but" or exclamation marks weighing
// on all others. Sentences have weight 1.
func documentScore(scores []float64) float64 {
	y := 0.0
	for _, x := range scores {
		x = max(-0.999, min(x, 0.999))
		y += x / math.Sqrt(1-x*x)
	}
	return roundScore(y / math.Sqrt(y*y+1))
}

// sentimentLabel is the label of a score.
func sentimentLabel(score float64) string {
	switch {
	case score >= neutralBand:
		return Positive
	case score <= -neutralBand:
		return Negative
	}
	return Neutral
}

// sentimentConfidence says how far a label is from being another, 0.5 to 1: by
// the distance of the score from the nearest limit of its label (0.5 away is
// sure), lowered by the share of sentences of the other sign. It orders texts
// for a reader; it is no probability.
func sentimentConfidence(score float64, scores []float64) float64 {
	against, polar := 0.0, 0.0
	for _, x := range scores {
		if sentimentLabel(x) == Neutral {
			continue
		}
		polar++
		if x*score < 0 || sentimentLabel(score) == Neutral {
			against++
		}
	}
	distance := math.Abs(math.Abs(score)-neutralBand) / 0.5
	if sentimentLabel(score) == Neutral {
		distance = 1 - math.Abs(score)/neutralBand
	}
	sure := min(distance, 1)
	if polar > 0 {
		sure *= 1 - against/polar
	}
	return roundScore(0.5 + sure/2)
}

// roundScore cuts a score to four decimals: what the lexicon can bear, and the
// same bytes on every machine.
func roundScore(x float64) float64 { return math.Round(x*1e4) / 1e4 }
