package main

import (
	"context"
	"errors"
	"os"

	"upshot.dev/upshot/internal/catalog"
	"upshot.dev/upshot/pipeline/env/localenv"
)

// described are the columns of the views, as the engine has them over an empty
// lake.
func described() (_ catalog.Columns, err error) {
	dir, err := os.MkdirTemp("", "upshot-docs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // only a temporary folder
	q, err := localenv.OpenQuerier(context.Background(), dir, localenv.QuerierOptions{Threads: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	return catalog.Describe(context.Background(), q)
}

// athenaTemplate is the template of Athena's tables, views and named queries.
func athenaTemplate() ([]byte, error) {
	c, err := described()
	if err != nil {
		return nil, err
	}
	return catalog.Template(c)
}

func athenaTables() ([]byte, error) { return catalog.Tables(), nil }

func athenaViews() ([]byte, error) { return catalog.ViewStatements(), nil }

// dictionary is the page of every table, view and column.
func dictionary() ([]byte, error) {
	c, err := described()
	if err != nil {
		return nil, err
	}
	return catalog.Dictionary(c)
}
