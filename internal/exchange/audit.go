package exchange

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/dbnloop/dbnloop/dbn"
)

// Audit compares a stream, record by record, with what happened in a market.
type Audit struct {
	due     map[dbn.RType]*progress
	Records int // that came
	Left    int // that have not come
}

// progress is how far a schema has come.
type progress struct {
	Stream
	at, count int
	hash      maphash.Hash
}

// Audit begins a comparison with all of the market.
func (m Market) Audit() *Audit {
	a := &Audit{due: map[dbn.RType]*progress{}}
	seed := maphash.MakeSeed()
	for _, s := range m.Streams {
		p := &progress{Stream: s}
		p.hash.SetSeed(seed)
		a.due[dbn.RType(s.Records[1])] = p
		a.Left += s.Count
	}
	return a
}

// Add takes the next record of the stream. Messages of the gateway do not count. Records may have
// a ts_out, which the market does not know.
func (a *Audit) Add(r dbn.Record) error {
	if r.RType().IsMessage() {
		return nil
	}
	p := a.due[r.RType()]
	if p == nil {
		return fmt.Errorf("a record of rtype %v, which nobody subscribed to", r.RType())
	}
	if p.at == len(p.Records) {
		return fmt.Errorf("%v: a record after the last one, number %d", p.Schema, p.Count)
	}
	const tsOut = 8
	size := int(p.Records[p.at]) * 4
	want, got := p.Records[p.at:p.at+size], r.Bytes()
	// The first byte is the length, which includes ts_out.
	if len(got) != size && len(got) != size+tsOut || !bytes.Equal(got[1:size], want[1:]) {
		return fmt.Errorf("%v: record %d of %d is not the one that is due: %s", p.Schema, p.count+1, p.Count, p.place(got, size))
	}
	p.hash.WriteByte(want[0]) //nolint:errcheck // it never fails
	p.hash.Write(got[1:size]) //nolint:errcheck // it never fails
	p.at += size
	p.count++
	a.Records++
	a.Left--
	return nil
}

// place says where a record belongs.
func (p *progress) place(got []byte, size int) string {
	for at := 0; at+size <= len(p.Records) && len(got) >= size; at += size {
		if bytes.Equal(p.Records[at+1:at+size], got[1:size]) {
			return fmt.Sprintf("it is record %d", at/size+1)
		}
	}
	return "it never happened"
}

// Complete compares, schema by schema, the number and the hash of what came with what happened.
func (a *Audit) Complete() error {
	for _, p := range a.due {
		var want maphash.Hash
		want.SetSeed(p.hash.Seed())
		want.Write(p.Records) //nolint:errcheck // it never fails
		if p.count != p.Count || p.hash.Sum64() != want.Sum64() {
			return fmt.Errorf("%v: %d records came with hash %x, %d happened with hash %x",
				p.Schema, p.count, p.hash.Sum64(), p.Count, want.Sum64())
		}
	}
	return nil
}
