// Package stats computes the intervals, tests and adjustments behind every
// printed number: from sufficient statistics (counts, sums, sums of squares,
// ordered values) to a value with the bounds that the data support.
//
// It is a leaf: pure functions over numbers, no clock, no randomness, no
// input or output. Which metric uses which interval is said in the metric's
// SQL file; how few units are too few is the business of the metric package.
//
// # What is here
//
//   - shares: [Wilson]; two of them [Newcombe], [ShareTest]; many in order
//     [ShareTrend]
//   - means: [MeanT]; two of them [Welch]
//   - rates: [PoissonExact]; two of them [RateRatio]
//   - percentiles: [Percentile], [PercentileRanks], [NearestRank]
//   - net promoter scores: [NPS], [NPSWeighted]; two of them [NPSDifference]
//   - two of anything that has an interval: [DifferenceMOVER]
//   - many tests at once: [BenjaminiHochberg], [Holm]
//   - before and after a release: [WeeklyChange], [WeeklyContrast],
//     [QuasiPoissonWeekday], [RateContrast]
//   - a count out of line: [CountAlert]
//   - experiments: [SRM], [AlwaysValid], [ShareDesign]
//
// # Absent values
//
// A number that the data do not give is NaN, never an infinity and never a
// made-up bound: the open side of a percentile interval, the spread of a
// single answer, the ratio to a rate of zero. [Nullable] turns such a number
// into a nil pointer for JSON, Arrow and templates. Why a number is absent,
// or why a present one deserves less trust, stands in [Interval.Note].
//
// Input that cannot occur (more successes than trials, negative counts, NaN,
// a level outside (0, 1)) gives absent values and [NoteInvalid]; no units at
// all give absent values and [NoteNoData]. No function panics.
//
// # Conventions
//
// Counts are int64, exposures and sums float64. Arguments of a comparison
// come in the order new, old: differences are new minus old and ratios new
// over old. Levels are fractions (0.95, see [Level]); p-values are two-sided.
// All formulas assume independent units: when one person contributes several
// items, the caller aggregates per person first.
//
// Special functions come from gonum. Discrete distributions are summed
// outward from their mode by the ratio of neighbouring probabilities, which
// needs no logarithm of a factorial and so keeps its digits at any n.
package stats
