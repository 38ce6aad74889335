package source

import (
	"bytes"
	"net/http"
	"testing"
)

// TestSegmentKeyTakesLittleMemory: looking for the write key in a stranger's
// body takes no tree of it.
func TestSegmentKeyTakesLittleMemory(t *testing.T) {
	body := append([]byte(`{"batch":[`), bytes.Repeat([]byte("{},"), 1<<20)...)
	body = append(body, []byte(`{}],"writeKey":"wk"}`)...)
	var got string
	r := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			got = segmentKey(Request{Header: http.Header{}}, body)
		}
	})
	if got != "wk" {
		t.Errorf("key %q", got)
	}
	if per := r.AllocedBytesPerOp(); per > 1<<20 {
		t.Errorf("%d bytes allocated for a body of %d", per, len(body))
	}
}

func TestSegmentKeyInTheBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"writeKey":"a"}`: "a", `{"writeKey":1}`: "1", `{"writeKey":{}}`: "", `{}`: "", `[]`: "", `{"writeKey":"a"`: "", ``: "",
	} {
		if got := segmentKey(Request{Header: http.Header{}}, []byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
