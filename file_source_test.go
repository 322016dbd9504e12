package dbnloop_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	sampledata "github.com/dbnloop/dbnloop/sim/sample"
)

// sampleFile writes the records of a schema's sample data, n times, and returns their bytes.
func sampleFile(t *testing.T, schema dbn.Schema, n int) (path string, records []byte) {
	t.Helper()
	f, err := sampledata.Data.Open("data/" + schema.String() + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := dbn.NewDecoder(f, dbn.WithUpgrade(dbn.AsIs))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for {
		rec, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec.Bytes()...)
	}
	content, err := d.Metadata().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	records = bytes.Repeat(records, n)
	content = append(content, records...)
	path = filepath.Join(t.TempDir(), "sample.dbn")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, records
}

func newFileSource(t *testing.T, r *dbnloop.Reactor, path string, opts ...dbnloop.FileOption) *dbnloop.FileSource {
	t.Helper()
	c, err := dbnloop.NewFileSource(r, path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFileSource(t *testing.T) {
	r := newReactor(t)
	path, want := sampleFile(t, dbn.SchemaTrades, 200)
	for name, opts := range map[string][]dbnloop.FileOption{"read": nil, "mmap": {dbnloop.WithMmap()}} {
		c := newFileSource(t, r, path, opts...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		wantMisuse(t, "a second Start", c.Start())
		var got []byte
		for b, err := range c.Batches(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b.Bytes()...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of records, want %d", name, len(got), len(want))
		}
		read := int64(c.Stats().BytesRead)
		if total, ok := c.TotalBytes(); !ok || read != total || total <= int64(len(want)) {
			t.Errorf("%s: read %d of %d bytes (%v)", name, read, total, ok)
		}
	}
}

func TestFileSourcePauseAndTurns(t *testing.T) {
	r := newReactor(t)
	path, want := sampleFile(t, dbn.SchemaMbo, 40)
	records := len(want) / 56
	a, b := newFileSource(t, r, path), newFileSource(t, r, path)
	counts := map[*dbnloop.FileSource]int{}
	var order []*dbnloop.FileSource
	complete := 0
	for _, c := range []*dbnloop.FileSource{a, b} {
		c.Handle(dbnloop.Handlers{
			Mbo: func(*dbn.MboMsg) {
				counts[c]++
				if len(order) == 0 || order[len(order)-1] != c {
					order = append(order, c)
				}
				if counts[c]%20_000 == 0 {
					c.Pause()
					r.Post(c.Resume)
				}
			},
			Complete: func() {
				if complete++; complete == 2 {
					r.Stop()
				}
			},
			Error: func(err error) { t.Error(err); r.Stop() },
		})
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if counts[a] != records || counts[b] != records {
		t.Errorf("%d and %d records, want %d", counts[a], counts[b], records)
	}
	if len(order) < 8 {
		t.Errorf("they took %d turns", len(order))
	}
}

func TestFileSourceFaults(t *testing.T) {
	r := newReactor(t)
	path, want := sampleFile(t, dbn.SchemaTrades, 1)
	missing := newFileSource(t, r, path+".missing")
	if err := missing.Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	c := newFileSource(t, r, path)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var n int
	var end error
	for _, err := range c.Records(t.Context()) {
		if err != nil {
			end = err
			break
		}
		n++
	}
	if !errors.Is(end, dbnloop.ErrTruncated) || n != len(want)/48-1 {
		t.Errorf("a cut file: %d records, then %v", n, end)
	}
	if _, err := dbnloop.NewFileSource(r, path, dbnloop.WithFragment(9, false)); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("a fragment of version 9: %v", err)
	}
}

func TestFileSourceEndsInsideHandlers(t *testing.T) {
	r := newReactor(t)
	path, _ := sampleFile(t, dbn.SchemaTrades, 20)
	for name, end := range map[string]func(*dbnloop.FileSource) error{
		"Stop":  (*dbnloop.FileSource).Stop,
		"Close": (*dbnloop.FileSource).Close,
	} {
		t.Run(name, func(t *testing.T) {
			c := newFileSource(t, r, path)
			records := 0
			var last error
			c.Handle(dbnloop.Handlers{
				Record: func(dbn.Record) {
					if records++; records == 7 {
						if err := end(c); err != nil {
							t.Error(err)
						}
						r.AfterFunc(0, func() { r.Post(r.Stop) })
					}
				},
				Complete: func() { t.Error("it is complete") },
				Error:    func(err error) { last = err },
			})
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if records != 7 {
				t.Errorf("%d records, want 7", records)
			}
			if name == "Stop" && !errors.Is(last, dbnloop.ErrCancelled) || name == "Close" && last != nil {
				t.Errorf("it ended with %v", last)
			}
			if name == "Close" {
				wantMisuse(t, "Start when closed", c.Start())
			}
		})
	}
}

func TestFileSourceLoopsAgainAndEndsSilently(t *testing.T) {
	r := newReactor(t)
	path, want := sampleFile(t, dbn.SchemaTrades, 20)
	c := newFileSource(t, r, path)
	for range 2 {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		// The first loop breaks off; the second one gets the rest.
		for range 2 {
			for _, err := range c.Records(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == 100 {
					break
				}
			}
		}
		if n != len(want)/48 {
			t.Errorf("%d records, want %d", n, len(want)/48)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range c.Records(t.Context()) {
		if err != nil {
			t.Fatalf("a stopped source's loop ended with %v", err)
		}
		if n++; n == 10 {
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 10 {
		t.Errorf("%d records behind Stop, want 10", n)
	}
}
