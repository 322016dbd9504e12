package historical

import (
	"io"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// textFormat is how records are written: DBN, or text with its options.
type textFormat struct {
	encoding  dbn.Encoding
	pretty    bool
	mapSymbol bool
}

// textFormat reads the options of text. Prices and times are pretty together here.
func (p *params) textFormat(encoding dbn.Encoding) textFormat {
	pretty := p.flag("pretty_px", false)
	pretty = p.flag("pretty_ts", false) || pretty
	return textFormat{encoding, pretty, p.flag("map_symbols", false) && encoding != dbn.EncodingDbn}
}

// begin writes what comes before the records and returns what writes one.
func (f textFormat) begin(w io.Writer, q *query) (func(rec []byte) error, error) {
	if f.encoding == dbn.EncodingDbn {
		meta := q.metadata()
		header, err := meta.Append(nil)
		if err != nil {
			return nil, err
		}
		_, err = w.Write(header)
		return func(rec []byte) error { _, err := w.Write(rec); return err }, err
	}
	options := &dbn.TextOptions{Pretty: f.pretty, MapSymbol: f.mapSymbol}
	var line []byte
	if f.encoding == dbn.EncodingCsv {
		if rtype, ok := dbn.RTypeOf(q.schema); ok {
			line = dbn.AppendCSVHeader(nil, dbn.ColumnsFor(rtype, q.data.Version), options)
		}
	}
	_, err := w.Write(line)
	return func(rec []byte) error {
		record, err := dbn.RecordOf(rec)
		if err != nil {
			return err
		}
		symbol := ""
		if f.mapSymbol {
			symbol = q.data.symbolOn(market.Instrument(rec), timestamp(rec))
		}
		columns := dbn.ColumnsOf(record)
		if f.encoding == dbn.EncodingCsv {
			line = dbn.AppendCSV(line[:0], record, columns, symbol, options)
		} else {
			line = append(dbn.AppendJSON(line[:0], record, columns, symbol, symbol != "", options), '\n')
		}
		_, err = w.Write(line)
		return err
	}, err
}

// symbolOn is an instrument's raw symbol at a time.
func (d *dataset) symbolOn(id uint32, ts uint64) string {
	for _, name := range d.Symbols.NamesOf(id) {
		if ts >= name.Start && ts < name.End {
			return name.Symbol
		}
	}
	return d.Symbols.RawSymbol(id)
}
