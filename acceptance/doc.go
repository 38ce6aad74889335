// Package acceptance holds the whole system against what it promises. It has
// tests only: they build the command, start it as its users do, and look from
// outside at what comes out. The bundled company (testdata/company) is what goes
// in; its own plain Go says what must come out.
//
// The tests take about two minutes; -short leaves them out.
package acceptance
