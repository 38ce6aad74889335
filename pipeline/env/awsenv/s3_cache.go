package awsenv

import (
	"container/list"
	"sync"
)

// blockBytes is what is read at least of a large object. A Parquet file is
// read in many small pieces that lie close together.
const blockBytes = 1 << 20

// blockKey is a block of an open object; the same key opened twice is two
// objects, as each is pinned to its own version.
type blockKey struct {
	o      *object
	number int64
}

// blockCache keeps the blocks that were used last, up to a number of bytes.
// Several callers who want the same block at once wait for one request.
type blockCache struct {
	limit int

	mu     sync.Mutex
	blocks map[blockKey]*list.Element // of *block
	recent *list.List                 // the most recently used first
	bytes  int
}

type block struct {
	key  blockKey
	once sync.Once
	data []byte
	err  error
	size int // counted in blockCache.bytes; 0 until it is loaded
}

func newBlockCache(limit int) *blockCache {
	return &blockCache{limit: limit, blocks: map[blockKey]*list.Element{}, recent: list.New()}
}

// get is the block, which load reads when it is not there. A failure is told
// to all who wait for it and then forgotten.
func (c *blockCache) get(key blockKey, load func() ([]byte, error)) ([]byte, error) {
	b := c.find(key)
	b.once.Do(func() {
		b.data, b.err = load()
		c.loaded(b)
	})
	return b.data, b.err
}

// find is the entry of a block, a new one if need be.
func (c *blockCache) find(key blockKey) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.blocks[key]
	if !ok {
		e = c.recent.PushFront(&block{key: key})
		c.blocks[key] = e
	}
	c.recent.MoveToFront(e)
	return e.Value.(*block)
}

// loaded counts the block and makes room for it.
func (c *blockCache) loaded(b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.blocks[b.key]
	if !ok || e.Value.(*block) != b {
		return // dropped meanwhile
	}
	if b.err != nil {
		c.remove(e)
		return
	}
	b.size = len(b.data)
	c.bytes += b.size
	for old := c.recent.Back(); old != nil && c.bytes > c.limit; {
		before := old.Prev()
		if old.Value.(*block).size > 0 {
			c.remove(old)
		}
		old = before
	}
}

// drop forgets all blocks of an object.
func (c *blockCache) drop(o *object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*block).key.o == o {
			c.remove(e)
		}
		e = next
	}
}

func (c *blockCache) remove(e *list.Element) {
	b := e.Value.(*block)
	c.recent.Remove(e)
	delete(c.blocks, b.key)
	c.bytes -= b.size
	b.size = 0
}
