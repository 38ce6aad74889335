package enrich

// phraseTrie finds phrases in numbered stems. Each edge is a stem; the whole
// trie is one map, which at a few thousand phrases is quicker to build and no
// slower to walk than nodes with maps of their own.
type phraseTrie struct {
	edges map[edge]int32 // -> node
	value []int32        // by node: the value of the phrase that ends there, or noPhrase
}

// edge leads from a node by a stem.
type edge struct{ node, stem int32 }

const noPhrase = -1

// newPhraseTrie gives a trie with its root, node 0.
func newPhraseTrie() *phraseTrie {
	return &phraseTrie{edges: map[edge]int32{}, value: []int32{noPhrase}}
}

// add puts a phrase in. A phrase that is there already keeps its value.
func (t *phraseTrie) add(stems []int32, value int32) {
	node := int32(0)
	for _, s := range stems {
		next, ok := t.edges[edge{node, s}]
		if !ok {
			next = int32(len(t.value)) //#nosec G115 -- bounded by the phrases of a taxonomy
			t.edges[edge{node, s}] = next
			t.value = append(t.value, noPhrase)
		}
		node = next
	}
	if node != 0 && t.value[node] == noPhrase {
		t.value[node] = value
	}
}

// longest gives the value and the number of stems of the longest phrase that
// begins at stems[0]; n is 0 when none does.
func (t *phraseTrie) longest(stems []int32) (value int32, n int) {
	node := int32(0)
	for i, s := range stems {
		if s == unknownStem {
			break
		}
		next, ok := t.edges[edge{node, s}]
		if !ok {
			break
		}
		node = next
		if v := t.value[node]; v != noPhrase {
			value, n = v, i+1
		}
	}
	return value, n
}

// each calls visit with the value of every phrase from left to right, the
// longest at each place, none within another: "single sign on" is not "sign
// on", too.
func (t *phraseTrie) each(stems []int32, visit func(value int32)) {
	for i := 0; i < len(stems); {
		value, n := t.longest(stems[i:])
		if n == 0 {
			i++
			continue
		}
		visit(value)
		i += n
	}
}
