package serve

import (
	"maps"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// filters are what a session has subscribed to, by schema.
type filters map[string]*filter

// filter is what a session has subscribed to of a schema: a record is sent once when one of them wants it.
type filter struct {
	schema dbn.Schema
	subs   []*wanted
}

type wanted struct {
	*gateway.Subscription
	from uint64                 // the first message
	gone []func(id uint32) bool // what was taken away from ALL_SYMBOLS
}

// past reports whether a message can hold records before the start: one before the present, or the first one, which
// is after the present when the relay had not read its log to the end.
func (w *wanted) past(seq, live uint64) bool { return seq < max(live, w.from+1) }

func (f filters) add(sub *gateway.Subscription, from uint64) {
	name := sub.Schema.String()
	if f[name] == nil {
		f[name] = &filter{schema: sub.Schema}
	}
	f[name].subs = append(f[name].subs, &wanted{Subscription: sub, from: from})
}

func (f filters) remove(schema string, gone func(uint32) bool) {
	of := f[schema]
	if of == nil {
		return
	}
	of.subs = slices.DeleteFunc(of.subs, func(w *wanted) bool {
		if w.All {
			w.gone = append(w.gone, gone)
			return false
		}
		maps.DeleteFunc(w.IDs, func(id uint32, _ struct{}) bool { return gone(id) })
		return len(w.IDs) == 0
	})
	if len(of.subs) == 0 {
		delete(f, schema)
	}
}

// len is the number of subscriptions.
func (f filters) len() (n int) {
	for _, of := range f {
		n += len(of.subs)
	}
	return n
}

// schemas are the names of what is read from the log.
func (f filters) schemas() []string { return append(slices.Sorted(maps.Keys(f)), batch.Mappings) }

// replayed are the schemas that have a replay.
func (f filters) replayed() (schemas []dbn.Schema) {
	for _, of := range f {
		if slices.ContainsFunc(of.subs, func(w *wanted) bool { return w.Replay }) {
			schemas = append(schemas, of.schema)
		}
	}
	slices.Sort(schemas)
	return schemas
}

// all reports whether ALL_SYMBOLS is subscribed.
func (f filters) all() bool {
	for _, of := range f {
		if slices.ContainsFunc(of.subs, func(w *wanted) bool { return w.All }) {
			return true
		}
	}
	return false
}

// takesAll reports whether every record of a message is wanted.
func (f *filter) takesAll(m *log.Message, live uint64) bool {
	return slices.ContainsFunc(f.subs, func(w *wanted) bool {
		return w.All && len(w.gone) == 0 && m.Sequence >= w.from && (w.Start == 0 || !w.past(m.Sequence, live))
	})
}

// takes reports whether a record is wanted.
func (f *filter) takes(record []byte, seq, live uint64) bool {
	id := batch.InstrumentAt(record)
	for _, w := range f.subs {
		if seq < w.from || w.past(seq, live) && batch.Clock(record) < w.Start {
			continue
		}
		if w.All {
			if !slices.ContainsFunc(w.gone, func(gone func(uint32) bool) bool { return gone(id) }) {
				return true
			}
		} else if _, is := w.IDs[id]; is {
			return true
		}
	}
	return false
}

// appendRecord adds a record at dst[at], with the time at which it is sent if that was asked for.
func appendRecord(dst []byte, at int, record []byte, had, wants bool, now time.Time) []byte {
	if had && len(record) >= wire.HeaderLen+wire.TsOutLen {
		record = record[:len(record)-wire.TsOutLen]
	}
	dst = append(dst, record...)
	wire.SetSize(dst[at:], len(record))
	if wants {
		dst = wire.AppendTsOut(dst, at, now)
	}
	return dst
}
