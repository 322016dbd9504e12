package verify

import (
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// order follows the records of each schema, publisher and instrument from file to file.
type order struct{ ends map[survey.Flow]end }

// end is where the records of a flow ended.
type end struct {
	at   dbn.UnixNanos
	path string
}

func newOrder() *order { return &order{make(map[survey.Flow]end)} }

// next takes in the file that follows, and reports what is out of order in it.
func (o *order) next(run *run, name string, f *survey.File) {
	report := f.Report(name)
	var disordered uint64
	for _, g := range report.Schemas {
		if schema, err := dbn.ParseSchema(g.Name); err == nil {
			if rtype, ok := dbn.RTypeOf(schema); ok && survey.IsOrdered(rtype) {
				disordered += g.OrderBreaks
			}
		}
	}
	if disordered > 0 {
		run.found(Damaged, name, "the order of its records is broken: %s earlier than the one before of the same instrument", counted(disordered))
	}
	if n := report.OrderBreaks - disordered; n > 0 {
		run.found(Note, name, "%s earlier than the one before of the same instrument, in schemas whose records may come again", counted(n))
	}
	if n := report.SequenceBreaks; n > 0 {
		run.found(Note, name, "%s a lower sequence number than the one before of the same instrument", has(n))
	}
	o.follow(run, name, f)
}

// follow compares the beginning of each flow with its end in the files before. The file that
// overlaps is reported once.
func (o *order) follow(run *run, name string, f *survey.File) {
	var overlaps uint64
	var before end
	var first dbn.UnixNanos
	f.Counter.Ends(func(flow survey.Flow, begin, last dbn.UnixNanos) {
		was, ok := o.ends[flow]
		if ok && begin < was.at && survey.IsOrdered(flow.RType()) {
			if overlaps++; overlaps == 1 || begin < first {
				before, first = was, begin
			}
		}
		if !ok || last > was.at {
			o.ends[flow] = end{last, name}
		}
	})
	if overlaps > 0 {
		run.found(Damaged, name, "overlaps with %s: it begins at %s, before the end of the other at %s (%s)",
			before.path, term.Time(first), term.Time(before.at), term.Plural(overlaps, "instrument"))
	}
}

func counted(n uint64) string {
	if n == 1 {
		return "1 record is"
	}
	return term.Grouped(n) + " records are"
}

func has(n uint64) string {
	if n == 1 {
		return "1 record has"
	}
	return term.Grouped(n) + " records have"
}
