package sim

import (
	"errors"
	"fmt"
	"io"

	"github.com/dbnloop/dbnloop/dbn"
)

// loadStream reads a DBN stream, plain or zstd, to its end. A fragment has no metadata of
// its own: the given one describes it.
func loadStream(name string, r io.Reader, sizeHint int64, fragment *dbn.Metadata) (*sourceData, error) {
	data := &sourceData{name: name, records: make([]byte, 0, sizeHint)}
	var unlike error // of the mappings of streams that follow each other
	options := []dbn.DecoderOption{dbn.WithUpgrade(dbn.AsIs), dbn.WithNextHeader(func(m *dbn.Metadata) {
		if merged, err := dbn.MergeMetadata(&data.meta, m); err == nil {
			data.meta = *merged
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
		data.meta = *fragment
	} else {
		data.meta = *d.Metadata()
	}
	if data.meta.Dataset == "" {
		return nil, fmt.Errorf("source %s: its dataset is not known", name)
	}
	for {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			data.meta.TsOut = false
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
func (d *sourceData) take(rec []byte) error {
	at, size := len(d.records), len(rec)
	if d.meta.TsOut {
		size -= tsOutLen
	}
	switch {
	case size < headerLen:
		return fmt.Errorf("a record of %d bytes has no room for ts_out", len(rec))
	case !isGatewayRType(recRType(rec)):
		d.records = append(d.records, rec[:size]...)
		setLen(d.records[at:], size)
	case recRType(rec) == dbn.RTypeSymbolMapping:
		at = len(d.mappings)
		d.mappings = append(d.mappings, rec[:size]...)
		setLen(d.mappings[at:], size)
	}
	return nil
}
