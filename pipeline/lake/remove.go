package lake

import (
	"context"
	"fmt"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// removeOld removes what the base files hold too, unless readers may still need
// it: base files of older generations, and hot files past their grace.
//
// A reader may have read a base file before it was replaced and come to the hot
// files, or the older generation, only now. So with a grace nothing goes whose
// rows this very compaction brought into base: the next one removes it.
func (m *dayMerge) removeOld(ctx context.Context) error {
	young := m.rows.news.base || !m.files.has(m.buckets)
	for _, f := range m.files.base {
		if k, _ := ParseKey(f.Key); k.Buckets == m.buckets {
			continue
		}
		if m.o.Grace > 0 && young {
			m.rep.FilesAfter++
			continue
		}
		if err := m.remove(ctx, f); err != nil {
			return fmt.Errorf("remove the old %s: %w", f.Key, err)
		}
	}
	deadline := m.o.Clock.Now().Add(-m.o.Grace)
	now, err := m.hotNow(ctx)
	if err != nil {
		return err
	}
	return each(ctx, len(m.files.hot), readers, func(ctx context.Context, i int) error {
		f := m.files.hot[i]
		if m.o.Grace > 0 && (m.rows.news.hot[i] || f.Modified.After(deadline)) || !now[f.Key].same(f) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.rep.FilesAfter++
			m.rep.BytesAfter += f.Size
			return nil
		}
		if err := m.remove(ctx, f); err != nil {
			return fmt.Errorf("remove the merged %s: %w", f.Key, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.rep.Deleted++
		return nil
	})
}

// written is a state of a file.
type written struct {
	at   time.Time
	size int64
}

func (w written) same(f env.Info) bool { return w.at.Equal(f.Modified) && w.size == f.Size }

// hotNow lists the day's hot files as they are now: a batch that was processed
// again has overwritten its file, perhaps with rows that the merge did not see.
func (m *dayMerge) hotNow(ctx context.Context) (map[string]written, error) {
	now := make(map[string]written, len(m.files.hot))
	if len(m.files.hot) == 0 {
		return now, nil
	}
	for info, err := range m.s.List(ctx, m.table+"/tier="+Hot+"/dt="+m.dt+"/") {
		if err != nil {
			return nil, fmt.Errorf("list the merged files: %w", err)
		}
		now[info.Key] = written{info.Modified, info.Size}
	}
	return now, nil
}

func (m *dayMerge) remove(ctx context.Context, f env.Info) error {
	if err := m.l.renew(ctx); err != nil {
		return err
	}
	return m.s.Remove(ctx, f.Key)
}

// measure adds the size of the base files to the report.
func (m *dayMerge) measure(ctx context.Context) error {
	for info, err := range m.s.List(ctx, m.table+"/tier="+Base+"/dt="+m.dt+"/") {
		if err != nil {
			return err
		}
		m.rep.BytesAfter += info.Size
	}
	return nil
}
