package stream

import (
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
)

// Selection says which of the stream's data records are printed.
type Selection struct {
	Limit  uint64 // end after so many; 0: no limit
	Skip   uint64 // do not print the first so many
	Tail   bool   // print only the last ones
	Last   uint64 // so many of them; 0: what comes while following
	Follow bool   // what is there already is not counted for the limit, unless it is printed
}

// FileRecords is what a stream of files has in addition: which records are wanted, and symbols
// that were in the metadata.
type FileRecords struct {
	Wanted  [256]bool        // by rtype
	Symbols *dbn.TsSymbolMap // nil: as the symbol mapping records of the file say
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
