package filter

import (
	"slices"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

// where is an expression over the fields of records. For each type of record it is compiled once, for
// the places where the fields are.
type where struct {
	text     string
	root     *node
	fields   []*node
	tsOut    bool // the stream's records end with the gateway's send time
	symbols  *symbols
	compiled [256]compiled // by rtype
}

// compiled is an expression for the records of a type and a length.
type compiled struct {
	length uint8   // as in the record's header; 0: none yet
	checks []check // all that there is to it; nil: holds
	holds  pred
}

// newWhere reads an expression, which is about symbols that are known later.
func newWhere(text string, symbols *symbols) (*where, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	w := &where{text: text, root: root, fields: root.fields(nil), symbols: symbols}
	return w, w.check(nil)
}

// check finds out whether the expression means something for the records of some schemas; without
// any, of all. Its fields may be those of several types of records: what a record lacks is null.
func (w *where) check(schemas []dbn.Schema) error {
	layouts := layoutsOf(schemas)
	for _, field := range w.fields {
		if !slices.ContainsFunc(layouts, func(l layout) bool { return l.has(field.name) }) {
			return w.unknown(field, layouts)
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
func (w *where) unknown(field *node, layouts []layout) error {
	names := []string{"symbol", "ts_out"}
	for _, l := range layouts {
		for i := range l.columns {
			names = append(names, l.columns[i].Name)
		}
	}
	return fault(field.column, "unknown field %q%s", field.name, cli.DidYouMean(field.name, names))
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

// holds reports whether a record meets the expression.
func (w *where) holds(r dbn.Record) bool {
	head := r.Header()
	c := &w.compiled[head.RType]
	if c.length != head.Length {
		w.compile(c, r)
	}
	if c.checks != nil {
		return hold(c.checks, unsafe.Pointer(head))
	}
	return c.holds(unsafe.Pointer(head))
}

// compile makes the expression ready for records like one. Where it has no meaning for them, as a
// character compared with a field that is a number there, it holds for none.
func (w *where) compile(c *compiled, r dbn.Record) {
	l := layout{columns: dbn.ColumnsOf(r), symbols: w.symbols}
	if w.tsOut && r.Size() >= dbn.HeaderLen+8 {
		l.tsOut = r.Size() - 8
	}
	c.length = r.Header().Length
	v, err := l.truth(w.root)
	if c.checks, c.holds = v.checks, v.holds; err != nil {
		c.checks, c.holds = nil, never
	}
}
