package output

import (
	"github.com/dbnloop/dbnloop/dbn"
)

// fieldReader writes one field of records of any type as text.
type fieldReader struct {
	name  string
	text  *dbn.Formatter
	cache [256]found
}

// found is a field's column, by rtype.
type found struct {
	from   *dbn.Column // the first of the columns that were searched
	column *dbn.Column // nil: the records lack it
}

func newFieldReader(name string, text *dbn.Formatter) *fieldReader {
	return &fieldReader{name: name, text: text}
}

// column is that of the field in a record; nil if it has none.
func (f *fieldReader) column(r dbn.Record) *dbn.Column {
	columns := dbn.ColumnsOf(r)
	if len(columns) == 0 {
		return nil
	}
	c := &f.cache[r.RType()]
	if c.from != &columns[0] {
		c.from, c.column = &columns[0], nil
		for i := range columns {
			if columns[i].Name == f.name {
				c.column = &columns[i]
			}
		}
	}
	return c.column
}

// append writes the field, or nothing if the record lacks it. The field ts_out comes with the stream.
func (f *fieldReader) append(dst []byte, r dbn.Record) []byte {
	if f.name == "ts_out" {
		return f.text.AppendTime(dst, r.TsOut())
	}
	if c := f.column(r); c != nil {
		return f.text.AppendValue(dst, r, c)
	}
	return dst
}

// sample is the field's column in any type of record that has it; nil: none has.
func (f *fieldReader) sample() *dbn.Column {
	for rtype := range 256 {
		columns := dbn.ColumnsFor(dbn.RType(rtype), dbn.Version)
		for i := range columns {
			if columns[i].Name == f.name {
				return &columns[i]
			}
		}
	}
	return nil
}

// align is how a table aligns the field.
func (f *fieldReader) align() align {
	c := f.sample()
	if c == nil {
		return left // ts_out
	}
	switch c.Kind() {
	case dbn.ColumnText, dbn.ColumnChar, dbn.ColumnTime:
		return left
	case dbn.ColumnPrice:
		return atPoint
	}
	return right
}
