package report

import "fmt"

// methodText says how headlines are chosen, for the foot of every report.
func methodText(grain string) string {
	return fmt.Sprintf("How a headline is chosen: counts are compared with the %ss before by the spread between them, never below Poisson's; "+
		"periods that were incidents themselves leave the history; shares by Newcombe's interval and that spread; scores by their intervals (MOVER); slow trends by a quasi-binomial trend of shares. "+
		"The comparisons are adjusted (Benjamini-Hochberg among changes, among trends and among differences, at 5%%), and each needs a smallest size. What happened at the same time is named as that, not as a cause.", grain)
}
