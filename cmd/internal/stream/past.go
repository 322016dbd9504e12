package stream

import "github.com/dbnloop/dbnloop/dbn"

// past knows the symbols of historical ranges, after which a stream continues live: their metadata
// names them, and no record does.
type past struct{ symbols *dbn.TsSymbolMap }

// add takes the mappings of a range. What cannot be read names nothing.
func (p *past) add(m *dbn.Metadata) {
	if len(m.Mappings) == 0 {
		return
	}
	if p.symbols == nil {
		p.symbols = dbn.NewTsSymbolMap()
	}
	p.symbols.Add(m) //nolint:errcheck // records keep their instrument ids
}

func (p *past) symbolOf(r dbn.Record) (symbol string, known bool) {
	if p.symbols == nil {
		return "", false
	}
	return p.symbols.SymbolOf(r)
}
