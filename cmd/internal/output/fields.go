package output

import "github.com/dbnloop/dbnloop/dbn"

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
