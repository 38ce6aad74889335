// Package report says what happened in a closed period: the changes that the
// intervals support, the numbers behind them, what people wrote, what was
// released, how complete the data are, and what to do next.
//
// [Build] runs the metrics and puts a [Report] together; from it alone
// [Report.HTML], [Report.Mail], [Report.Markdown] and [Report.JSON] are drawn.
// The same lake and the same period give the same bytes.
//
// # What may be called a change
//
// The p-values of all comparisons of a report (see detect.go) are adjusted, by
// Benjamini and Hochberg among changes, among trends and among differences of
// groups: on data in which nothing happened at most one report in twenty
// carries a headline at all, which a simulation holds. Counts are
// held against the spread between the periods before, never below Poisson's;
// shares and scores against their own intervals and that spread. A headline
// also needs a smallest size, so that large n does not make trifles news.
//
// # Text
//
// Quotes, names of themes, releases and sources come from outside. They are
// escaped where they are written: html/template for pages, mdText for Markdown
// and the encodings of MIME for mail headers.
package report
