package live

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// demoOpen is when trading begins in the sample data, 2026-11-15T23:00Z.
const demoOpen dbn.UnixNanos = 1794783600_000000000

// DemoSources are the sample data. The mix leaves out the order books of the time before
// trading begins: hundreds of like lines before anything happens.
func DemoSources(mix bool) ([]sim.Source, error) {
	if !mix {
		return sim.SampleSources(), nil
	}
	names, err := fs.Glob(sample.Data, "data/*.dbn.zst")
	if err != nil {
		return nil, err
	}
	var sources []sim.Source
	for _, name := range names {
		data, err := sample.Data.ReadFile(name)
		if err != nil {
			return nil, err
		}
		source, err := withoutPreOpen(data)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

func withoutPreOpen(data []byte) (sim.Source, error) {
	decoder, err := dbn.NewDecoder(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	var records []byte
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return sim.RecordsSource(*decoder.Metadata(), records), nil
		}
		if err != nil {
			return nil, err
		}
		book := r.RType() == dbn.RTypeMbo || r.RType() == dbn.RTypeMbp10
		if !book || r.IndexTs() >= demoOpen {
			records = append(records, r.Bytes()...)
		}
	}
}
