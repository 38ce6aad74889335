package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"upshot.dev/upshot/pipeline/fault"
)

func TestKindOfIsTheOutermost(t *testing.T) {
	inner := fault.Invalidf("parse: %w", io.ErrUnexpectedEOF)
	outer := fault.New(fault.Permanent, fmt.Errorf("read archive: %w", inner))
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{inner, fault.Invalid},
		{outer, fault.Permanent},
		{fmt.Errorf("more: %w", inner), fault.Invalid},
		{errors.New("plain"), fault.Retry},
		{fault.Unauthorizedf("no"), fault.Unauthorized},
		{fault.Retryf("later"), fault.Retry},
	} {
		if got := fault.KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if !errors.Is(outer, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost in wrapping")
	}
	if fault.New(fault.Invalid, nil) != nil {
		t.Error("wrapping nil must stay nil")
	}
	if fault.Is(nil, fault.Retry) {
		t.Error("nil is of no kind")
	}
}

func TestKindNames(t *testing.T) {
	want := map[fault.Kind]string{
		fault.Retry: "retry", fault.Invalid: "invalid",
		fault.Unauthorized: "unauthorized", fault.Permanent: "permanent",
	}
	for k, name := range want {
		if k.String() != name {
			t.Errorf("%d is %q, want %q", k, k, name)
		}
	}
}

func TestSays(t *testing.T) {
	plain := errors.New("x")
	if !fault.Is(plain, fault.Retry) || fault.Says(plain, fault.Retry) {
		t.Error("an error of no kind is taken for Retry, and says nothing")
	}
	if err := fmt.Errorf("read: %w", fault.Retryf("later")); !fault.Says(err, fault.Retry) || fault.Says(err, fault.Permanent) {
		t.Errorf("%v says another kind", err)
	}
	if fault.Says(nil, fault.Retry) {
		t.Error("no error says something")
	}
}
