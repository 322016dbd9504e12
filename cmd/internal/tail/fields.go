package tail

import (
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// checkFields finds out whether the fields of --fields exist in what was asked for.
func (f *flags) checkFields(r *request, o *output) ([]string, error) {
	if len(f.fields) == 0 {
		return nil, nil
	}
	for i := range f.fields {
		f.fields[i] = strings.TrimSpace(f.fields[i])
	}
	if o.format == formatTable || o.format == formatDBN {
		return nil, exit.BadUsage("--fields works with -J, -C and -T, not with a %s", o.format)
	}
	known := []string{"symbol", "ts_out"}
	schemas := r.schemas
	if len(schemas) == 0 { // a file with a mix: what is in it shows only later
		schemas = dbn.AllSchemas()
	}
	for _, schema := range schemas {
		rtype, _ := dbn.RTypeOf(schema)
		for version := uint8(1); version <= dbn.Version; version++ {
			for _, c := range dbn.ColumnsFor(rtype, version) {
				if !slices.Contains(known, c.Name) {
					known = append(known, c.Name)
				}
			}
		}
	}
	for _, name := range f.fields {
		if !slices.Contains(known, name) {
			return nil, exit.BadUsage("--fields: %s has no field %q; it has %s", joinNames(schemas), name, strings.Join(known, ", "))
		}
		if name == "symbol" && !o.text.MapSymbol {
			return nil, exit.BadUsage("--fields symbol and --no-map-symbols exclude each other")
		}
		if name == "ts_out" && !r.tsOut {
			return nil, exit.BadUsage("--fields ts_out: these records have none; a live stream needs --ts-out for it")
		}
	}
	return f.fields, nil
}

// columnFilter leaves of each record type's columns those that were asked for. JSON keeps
// its own order: the header and the levels are objects of their own.
type columnFilter struct {
	names map[string]bool // nil: everything
	cache [256]filtered
}

type filtered struct {
	from    *dbn.Column // the first column of what was filtered
	columns []dbn.Column
}

func newColumnFilter(names []string) *columnFilter {
	f := new(columnFilter)
	if len(names) == 0 {
		return f
	}
	f.names = make(map[string]bool)
	for _, name := range names {
		f.names[name] = true
	}
	return f
}

// wants reports whether a field was asked for.
func (f *columnFilter) wants(name string) bool { return f.names == nil || f.names[name] }

// of filters the columns of one record type; the result is kept.
func (f *columnFilter) of(rtype dbn.RType, columns []dbn.Column) []dbn.Column {
	if f.names == nil || len(columns) == 0 {
		return columns
	}
	c := &f.cache[rtype]
	if c.from == &columns[0] {
		return c.columns
	}
	c.from, c.columns = &columns[0], nil
	for i := range columns {
		if f.names[columns[i].Name] {
			c.columns = append(c.columns, columns[i])
		}
	}
	return c.columns
}
