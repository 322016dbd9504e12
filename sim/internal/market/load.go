package market

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// loadStream reads a DBN stream, plain or zstd, to its end. A fragment has no metadata of
// its own: the given one describes it.
func loadStream(name string, r io.Reader, sizeHint int64, fragment *dbn.Metadata) (*Data, error) {
	data := &Data{name: name, records: make([]byte, 0, sizeHint)}
	var unlike error // of the mappings of streams that follow each other
	options := []dbn.DecoderOption{dbn.WithUpgrade(dbn.AsIs), dbn.WithNextHeader(func(m *dbn.Metadata) {
		if merged, err := dbn.MergeMetadata(&data.Meta, m); err == nil {
			data.Meta = *merged
		} else if unlike == nil {
			unlike = err
		}
	})}
	if fragment != nil {
		options = append(options, dbn.WithFragment(fragment.Version, fragment.TsOut))
	}
	d, err := dbn.NewDecoder(r, options...)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	defer d.Close()
	if fragment != nil {
		data.Meta = *fragment
	} else {
		data.Meta = *d.Metadata()
	}
	if data.Meta.Dataset == "" {
		return nil, fmt.Errorf("source %s: its dataset is not known", name)
	}
	for {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			data.Meta.TsOut = false
			return data, nil
		}
		if err == nil {
			err = unlike
		}
		if err == nil {
			err = data.take(rec.Bytes())
		}
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
	}
}

// take keeps a record, without its ts_out. Symbol mappings are set aside, and the other
// records of a gateway are left out.
func (d *Data) take(rec []byte) error {
	at, size := len(d.records), len(rec)
	if d.Meta.TsOut {
		size -= wire.TsOutLen
	}
	switch {
	case size < headerLen:
		return fmt.Errorf("a record of %d bytes has no room for ts_out", len(rec))
	case !RType(rec).IsMessage():
		d.records = append(d.records, rec[:size]...)
		wire.SetSize(d.records[at:], size)
	case RType(rec) == dbn.RTypeSymbolMapping:
		at = len(d.mappings)
		d.mappings = append(d.mappings, rec[:size]...)
		wire.SetSize(d.mappings[at:], size)
	}
	return nil
}

// Load loads the sources and groups them by dataset.
func Load(sources []Source) (map[string][]*Data, error) {
	byDataset := make(map[string][]*Data)
	for _, source := range sources {
		data, err := source.load()
		if err != nil {
			return nil, err
		}
		byDataset[data.Meta.Dataset] = append(byDataset[data.Meta.Dataset], data)
	}
	return byDataset, nil
}

var sampleTimelines sync.Map // of version to map[string]*Timeline

// LoadTimelines loads the sources and merges those of each dataset. A version of 0 takes the
// highest of a dataset's sources.
func LoadTimelines(sources []Source, version uint8) (map[string]*Timeline, error) {
	return Shared(&sampleTimelines, sources, version, func() (map[string]*Timeline, error) {
		return loadTimelines(sources, version)
	})
}

func loadTimelines(sources []Source, version uint8) (map[string]*Timeline, error) {
	byDataset, err := Load(sources)
	if err != nil {
		return nil, err
	}
	timelines := make(map[string]*Timeline)
	for dataset, list := range byDataset {
		t, err := NewTimeline(list, version)
		if err != nil {
			return nil, err
		}
		timelines[dataset] = t
	}
	return timelines, nil
}
