package filter

import (
	"slices"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// where is an expression over the fields of records.
type where struct {
	root   *node
	fields []*node
}

// newWhere reads an expression.
func newWhere(text string) (*where, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	w := &where{root: root, fields: root.fields(nil)}
	return w, w.check(nil)
}

// check finds out whether the expression means something for the records of some schemas; without
// any, of all. Its fields may be those of several types of records: what a record lacks is null.
func (w *where) check(schemas []dbn.Schema) error {
	layouts := layoutsOf(schemas)
	for _, field := range w.fields {
		if !slices.ContainsFunc(layouts, func(l layout) bool { return l.has(field.name) }) {
			return w.unknown(field, schemas, layouts)
		}
	}
	most := -1
	var first error
	for i := range layouts {
		l := &layouts[i]
		has := 0
		for _, field := range w.fields {
			if l.has(field.name) {
				has++
			}
		}
		if has < most {
			continue
		}
		_, err := l.condition(w.root)
		if has > most {
			most, first = has, err
		} else if err == nil {
			first = nil
		}
	}
	return first
}

// unknown says that no record has a field.
func (w *where) unknown(field *node, schemas []dbn.Schema, layouts []layout) error {
	names := []string{"symbol", "ts_out"}
	for _, l := range layouts {
		for i := range l.columns {
			names = append(names, l.columns[i].Name)
		}
	}
	hint := cli.DidYouMean(field.name, names)
	if len(schemas) > 0 {
		return fault(field.column, "%s has no field %q%s", term.JoinNames(schemas), field.name, hint)
	}
	return fault(field.column, "unknown field %q%s", field.name, hint)
}

// layoutsOf are those of the records of schemas, in every version of DBN.
func layoutsOf(schemas []dbn.Schema) (layouts []layout) {
	if len(schemas) == 0 {
		schemas = dbn.AllSchemas()
	}
	for _, schema := range schemas {
		rtype, _ := dbn.RTypeOf(schema)
		for version := uint8(dbn.Version); version >= 1; version-- {
			columns := dbn.ColumnsFor(rtype, version)
			known := len(columns) == 0 || slices.ContainsFunc(layouts, func(l layout) bool { return &l.columns[0] == &columns[0] })
			if !known {
				// Whether there is a send time is known with the stream.
				layouts = append(layouts, layout{columns: columns, tsOut: dbn.SizeOf(rtype, version), symbols: new(symbols)})
			}
		}
	}
	return layouts
}

// headerColumns are what is known of a record whose type is not.
var headerColumns = dbn.ColumnsFor(dbn.RTypeOhlcv1S, dbn.Version)[:4]

// program is what must hold for the records of a type and a length.
type program struct {
	length uint8   // as in the record's header; 0: it is not compiled yet
	checks []check // the part that is checks
	holds  pred    // the rest; nil: always true
}

// change gives an rtype the program for the length of a record, which was compiled at most once.
func (f *Filter) change(p *program, r dbn.Record) {
	if p.length != 0 { // a damaged stream: otherwise all records of a type are of one length
		if f.others == nil {
			f.others = make(map[[2]uint8]program)
		}
		f.others[[2]uint8{uint8(r.RType()), p.length}] = *p
	}
	if other, known := f.others[[2]uint8{uint8(r.RType()), r.Header().Length}]; known {
		*p = other
		return
	}
	*p = f.compile(r)
}

// compile makes the expressions ready for records like one. Where one has no meaning for them, as a
// character that is compared with a field that is a number there, it holds for none.
func (f *Filter) compile(r dbn.Record) program {
	l := layout{columns: dbn.ColumnsOf(r), symbols: f.symbols}
	if l.columns == nil {
		l.columns = headerColumns
	}
	if f.tsOut && r.Size() >= dbn.HeaderLen+8 {
		l.tsOut = r.Size() - 8
	}
	all := value{kind: boolKind}
	for _, w := range f.wheres {
		truth, err := l.truth(w.root)
		if err != nil {
			truth = value{kind: boolKind, holds: never}
		}
		all = all.and(truth)
	}
	return program{r.Header().Length, all.checks, all.holds}
}
