// Package columnar writes records as Apache Parquet and as Arrow IPC, column by column. The columns
// are those of CSV, in the same order, as package dbn lists them for each record type.
package columnar

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dbnloop/dbnloop/dbn"
)

// Options say what the records of one file are, and how their columns are written.
type Options struct {
	Metadata *dbn.Metadata // of the file; its schema is that of the records
	RType    dbn.RType
	Pretty   bool     // prices are floating-point numbers
	Symbols  bool     // there is a column with the symbol of the record's instrument
	Fields   []string // only these columns, in this order; nil: all
	Zstd     bool
	Stream   bool // Arrow: the format of streams, for a pipe
	// Memory bounds the bytes of records that are encoded together; 0: 16 MiB. With a bound of its
	// own, because it is one of many files, no other goroutine encodes a file's rows.
	Memory int
}

// column is one column of the output.
type column struct {
	name   string
	kind   dbn.ColumnKind
	offset int // in a record
	width  int // in bytes
	symbol bool
	pretty bool // a price as a floating-point number
}

const (
	metadataKey   = "databento:metadata"
	priceScaleKey = "databento:fixed_price_scale"
	priceScale    = "1000000000"
)

// layout is how the records of one file lie in memory, and which columns are made of them.
type layout struct {
	options Options
	from    *dbn.Column // the first column of the record type: what fits has the same one
	size    int         // of a record without ts_out
	stride  int         // of a record as it is kept, a multiple of 8
	columns []column
	index   string // the column that pandas takes for the index; "": it is not written
	// symbolAt is the column of the symbols; -1: it has no such column.
	symbolAt int
	schema   *arrow.Schema
}

// newLayout finds the columns; nil: the record type is not known.
func newLayout(o Options) *layout {
	all := dbn.ColumnsFor(o.RType, o.Metadata.Version)
	if len(all) == 0 {
		return nil
	}
	l := &layout{options: o, from: &all[0], size: dbn.SizeOf(o.RType, o.Metadata.Version)}
	l.stride = (l.size + 7) &^ 7
	columns := make([]column, 0, len(all)+2)
	for i := range all {
		c := &all[i]
		columns = append(columns, column{
			name: c.Name, kind: c.Kind(), offset: c.Offset(), width: c.Size(), pretty: o.Pretty && c.Kind() == dbn.ColumnPrice,
		})
	}
	if o.Metadata.TsOut {
		columns = append(columns, column{name: "ts_out", kind: dbn.ColumnTime, offset: l.stride, width: 8})
		l.stride += 8
	}
	if o.Symbols {
		columns = append(columns, column{name: "symbol", kind: dbn.ColumnText, width: 4, symbol: true})
	}
	l.columns = selected(columns, o.Fields)
	if slices.ContainsFunc(l.columns, func(c column) bool { return c.name == all[0].Name }) && all[0].Kind() == dbn.ColumnTime {
		l.index = all[0].Name
	}
	l.symbolAt = slices.IndexFunc(l.columns, func(c column) bool { return c.symbol })
	l.schema = l.arrowSchema()
	return l
}

func selected(columns []column, names []string) []column {
	if names == nil {
		return columns
	}
	var some []column
	for _, name := range names {
		if i := slices.IndexFunc(columns, func(c column) bool { return c.name == name }); i >= 0 {
			some = append(some, columns[i])
		}
	}
	return some
}

// fits reports whether a record has the layout.
func (l *layout) fits(r dbn.Record) bool {
	columns := dbn.ColumnsOf(r)
	return len(columns) > 0 && &columns[0] == l.from
}

// nullable reports whether a value may be undefined.
func (c *column) nullable() bool {
	return c.kind == dbn.ColumnTime || c.kind == dbn.ColumnPrice || c.kind == dbn.ColumnText
}

func (c *column) isText() bool { return c.kind == dbn.ColumnText || c.kind == dbn.ColumnChar }

// arrowType is the type of the official tool.
func (c *column) arrowType() arrow.DataType {
	switch c.kind {
	case dbn.ColumnU8:
		return arrow.PrimitiveTypes.Uint8
	case dbn.ColumnU16:
		return arrow.PrimitiveTypes.Uint16
	case dbn.ColumnU32:
		return arrow.PrimitiveTypes.Uint32
	case dbn.ColumnU64:
		return arrow.PrimitiveTypes.Uint64
	case dbn.ColumnI8:
		return arrow.PrimitiveTypes.Int8
	case dbn.ColumnI16:
		return arrow.PrimitiveTypes.Int16
	case dbn.ColumnI32:
		return arrow.PrimitiveTypes.Int32
	case dbn.ColumnI64:
		return arrow.PrimitiveTypes.Int64
	case dbn.ColumnPrice:
		if c.pretty {
			return arrow.PrimitiveTypes.Float64
		}
		return arrow.PrimitiveTypes.Int64
	case dbn.ColumnTime:
		return arrow.FixedWidthTypes.Timestamp_ns // in UTC
	}
	return arrow.BinaryTypes.String
}

func (l *layout) arrowSchema() *arrow.Schema {
	fields := make([]arrow.Field, 0, len(l.columns))
	for i := range l.columns {
		c := &l.columns[i]
		field := arrow.Field{Name: c.name, Type: c.arrowType(), Nullable: c.nullable()}
		if c.kind == dbn.ColumnPrice && !c.pretty {
			field.Metadata = arrow.NewMetadata([]string{priceScaleKey}, []string{priceScale})
		}
		fields = append(fields, field)
	}
	metadata := arrow.NewMetadata(
		[]string{metadataKey, pandasKey},
		[]string{string(l.options.Metadata.AppendJSON(nil, false)), l.pandas()})
	return arrow.NewSchema(fields, &metadata)
}
