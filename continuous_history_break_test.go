package dbnloop_test

import (
	"fmt"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// A pause at each record of the range, and of the replay after it.
func TestAPauseInsideHistory(t *testing.T) {
	r := newReactor(t)
	s := seamOf(t, dbn.SchemaTrades, 24)
	for at := 1; at < 18; at++ {
		paused := false
		s.prepare = func(got *received) {
			h := got.handlers()
			record := h.Record
			h.Record = func(rec dbn.Record) {
				if record(rec); got.records == at {
					paused = true
					got.client.Pause()
					r.AfterFunc(0, func() { got.client.Resume() })
				}
			}
			got.client.Handle(h)
		}
		s.whole(t, r, fmt.Sprintf("paused at record %d", at), 18)
		if !paused {
			t.Fatalf("no pause at record %d", at)
		}
	}
}

// A position that was taken at each record of the range continues in another client.
func TestAPositionInsideHistory(t *testing.T) {
	r := newReactor(t)
	for _, schema := range []dbn.Schema{dbn.SchemaTrades, dbn.SchemaBbo1S, dbn.SchemaOhlcv1S} {
		t.Run(schema.String(), func(t *testing.T) {
			s := seamOf(t, schema, 24)
			// In both runs the market begins at the seam.
			for at := 1; s.index[at] < s.index[18]; at++ {
				var position []byte
				s.prepare = func(got *received) {
					h := got.handlers()
					record := h.Record
					h.Record = func(rec dbn.Record) {
						if record(rec); got.records == at {
							if err := got.client.Stop(); err != nil {
								t.Error(err)
							}
						}
					}
					h.Error = func(err error) {
						got.errors = append(got.errors, err)
						if position, err = got.client.Position(); err != nil {
							t.Error(err)
						}
					}
					got.client.Handle(h)
				}
				first := s.run(t, r, 18, s.index[0]-1_000_000_000, at)
				if first.records != at || position == nil {
					t.Fatalf("%d records, want %d; position %v", first.records, at, position)
				}
				s.prepare = func(got *received) {
					if err := got.client.ResumeFrom(position); err != nil {
						t.Fatal(err)
					}
				}
				second := s.run(t, r, 18, s.index[0]-1_000_000_000, len(s.records)-at)
				second.want(t, fmt.Sprintf("resumed after record %d", at), s.since(at))
			}
		})
	}
}
