package log

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
)

// Tail is where a log ends, and so where its stream resumes.
type Tail struct {
	Sequence uint64        // of the last message; 0: nothing was ever written
	High     dbn.UnixNanos // see batch.Batch
	// Position is that of the last cut, for ContinuousClient.ResumeFrom; nil: no market data came before it.
	Position []byte
	// From is where a stream without a position begins; 0: where its subscriptions say.
	From dbn.UnixNanos
	// Residue are the records after the last cut: they come again from Position on.
	Residue []byte

	previous map[string]uint64
}

// What is read at the end of a log. A continuous client compares at least 256 records of an rtype, and keeps
// 256 KiB; the double of both leaves nothing to doubt.
const (
	leastRecords = 512
	leastBytes   = 512 << 10
)

// Tail reads the end of the log. The schemas are those that will be written.
func (l *Log) Tail(ctx context.Context, schemas []string) (*Tail, error) {
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	t := &Tail{Sequence: last, previous: make(map[string]uint64)}
	if last == 0 {
		return t, nil
	}
	newest, err := l.get(ctx, last)
	switch {
	case err != nil || newest == nil:
		return t, err
	case newest.Sequence != last: // what a relay had on its way when it died may still arrive
		return nil, fmt.Errorf("stream %s: message %d came while its end, %d, was read", batch.StreamName(l.Dataset), newest.Sequence, last)
	}
	t.High = newest.High
	end := tailEnd{l: l, messages: map[uint64]*Message{last: newest}}
	cut, err := end.cut(ctx, newest)
	if err != nil {
		return nil, err
	}
	for seq := cut + 1; seq <= last; seq++ {
		if m := end.messages[seq]; m.Schema != batch.Mappings {
			t.Residue = append(t.Residue, m.Records...)
		}
	}
	if err := end.recent(ctx, cut); err != nil {
		return nil, err
	}
	for _, schema := range append([]string{batch.Mappings}, schemas...) {
		if t.previous[schema], err = end.schema(ctx, schema, cut); err != nil {
			return nil, err
		}
	}
	if t.Position, err = end.position(cut); err != nil || t.Position != nil {
		return t, err
	}
	oldest, err := l.get(ctx, 1)
	if oldest != nil {
		t.From = oldest.Before + 1
	}
	return t, err
}

// tailEnd gathers the messages at the end of a log.
type tailEnd struct {
	l        *Log
	messages map[uint64]*Message
}

// at reads one message; nil when it is not kept.
func (e *tailEnd) at(ctx context.Context, seq uint64) (*Message, error) {
	if m := e.messages[seq]; m != nil || seq == 0 {
		return m, nil
	}
	m, err := e.l.get(ctx, seq)
	if err != nil || m == nil || m.Sequence != seq {
		return nil, err
	}
	e.messages[seq] = m
	return m, nil
}

// cut is the sequence of the last cut; 0: there was none.
func (e *tailEnd) cut(ctx context.Context, m *Message) (uint64, error) {
	for m != nil && !m.Cut {
		var err error
		if m, err = e.at(ctx, m.Sequence-1); err != nil {
			return 0, err
		}
	}
	if m == nil {
		return 0, nil
	}
	return m.Sequence, nil
}

// recent reads what precedes the cut.
func (e *tailEnd) recent(ctx context.Context, cut uint64) error {
	size := 0
	for seq := cut; seq > 0 && size < leastBytes; seq-- {
		m, err := e.at(ctx, seq)
		if err != nil || m == nil {
			return err
		}
		size += len(m.Records)
	}
	return nil
}

// schema reads the last records of a schema, also when they are far from the end. It returns the
// sequence of the last message.
func (e *tailEnd) schema(ctx context.Context, schema string, cut uint64) (uint64, error) {
	newest, err := e.l.last(ctx, schema)
	if err != nil || newest == nil {
		return 0, err
	}
	e.messages[newest.Sequence] = newest
	if schema == batch.Mappings {
		return newest.Sequence, nil
	}
	count := 0
	for m := newest; m != nil && count < leastRecords; {
		if m.Sequence <= cut {
			count += m.Count
		}
		if m, err = e.at(ctx, m.Previous); err != nil {
			return 0, err
		}
	}
	return newest.Sequence, nil
}

// position makes the client's position from the records up to the cut; nil without any.
func (e *tailEnd) position(cut uint64) ([]byte, error) {
	end, err := dbnloop.NewStreamEnd()
	if err != nil {
		return nil, err
	}
	defer end.Close() //nolint:errcheck // it only frees memory
	meta := dbn.Metadata{
		Version: dbn.Version, Dataset: e.l.Dataset, Schema: dbn.SchemaNone, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID,
	}
	head, err := meta.Append(nil)
	if err != nil {
		return nil, err
	}
	if _, err := end.Write(head); err != nil {
		return nil, err
	}
	kept := slices.SortedFunc(maps.Values(e.messages), func(a, b *Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, m := range kept {
		if m.Sequence > cut || m.Schema == batch.Mappings {
			continue
		}
		if _, err := end.Write(m.Records); err != nil {
			return nil, err
		}
	}
	if end.Records() == 0 {
		return nil, nil
	}
	return end.Position()
}
