package stream

import (
	"github.com/dbnloop/dbnloop/cmd/internal/filter"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
)

// Selection says which of the stream's data records are printed.
type Selection struct {
	Limit  uint64         // end after so many; 0: no limit
	Skip   uint64         // do not print the first so many
	Tail   bool           // print only the last ones
	Last   uint64         // so many of them; 0: what comes while following
	Follow bool           // what is there already is not counted for the limit, unless it is printed
	Filter *filter.Filter // chooses among the records before they are counted; nil: none
}

// FileRecords is what a stream of files has in addition: which records are wanted, and symbols
// that were in the metadata.
type FileRecords struct {
	Wanted  [256]bool        // by rtype
	symbols *dbn.TsSymbolMap // nil: as the symbol mapping records of the file say
	recent  [64]recentSymbol // of the instruments that came last, by their ids
}

// recentSymbol is the symbol of an instrument on a day.
type recentSymbol struct {
	instrument uint32
	day        uint32 // since 1970, plus one; 0: none yet
	symbol     string
	known      bool
}

// SetSymbols sets the symbols that the metadata gave. When they change, Stream.SetSymbols does.
func (file *FileRecords) SetSymbols(symbols *dbn.TsSymbolMap) {
	file.symbols = symbols
	clear(file.recent[:])
}

// Symbols returns the symbols that the metadata gave; nil: it gave none.
func (file *FileRecords) Symbols() *dbn.TsSymbolMap { return file.symbols }

// symbolOf is the symbol of a record on its day. It is looked up once in a run of an instrument.
func (file *FileRecords) symbolOf(r dbn.Record) (symbol string, known bool) {
	const nanosPerDay = 86_400e9
	ts := r.IndexTs()
	if ts.IsUndef() {
		return "", false
	}
	instrument, day := r.Header().InstrumentID, uint32(ts/nanosPerDay)+1
	recent := &file.recent[instrument%uint32(len(file.recent))]
	if recent.instrument != instrument || recent.day != day {
		recent.instrument, recent.day = instrument, day
		recent.symbol, recent.known = file.symbols.SymbolOf(r)
	}
	return recent.symbol, recent.known
}

// Want chooses the types of records. The gateway's own records belong to DBN; in text they
// are shown when asked for.
func (file *FileRecords) Want(schemas []dbn.Schema, o *output.Settings, filtered bool) {
	for rtype := range file.Wanted {
		file.Wanted[rtype] = !filtered
		if dbn.RType(rtype).IsMessage() {
			file.Wanted[rtype] = o.System || !filtered && o.Format == output.DBN
		}
	}
	if filtered {
		for _, schema := range schemas {
			rtype, _ := dbn.RTypeOf(schema)
			file.Wanted[rtype] = true
		}
	}
}
