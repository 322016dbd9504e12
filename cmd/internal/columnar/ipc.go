package columnar

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dbnloop/dbnloop/dbn"
)

// batchRows is how many rows a record batch has, as with the official tool.
const batchRows = 1 << 16

// arrowFile writes rows as Arrow IPC, a record batch for the rows of each call.
type arrowFile struct {
	w      io.Writer
	layout *layout
	writer interface {
		Write(arrow.RecordBatch) error
		Close() error
	}
}

func newArrowFile(w io.Writer, l *layout) *arrowFile { return &arrowFile{w: w, layout: l} }

// open begins the file, whose first bytes are the schema's.
func (a *arrowFile) open() (err error) {
	options := []ipc.Option{ipc.WithSchema(a.layout.schema)}
	if a.layout.options.Zstd {
		options = append(options, ipc.WithZstd())
	}
	if a.layout.options.Stream {
		a.writer = ipc.NewWriter(a.w, options...)
		return nil
	}
	a.writer, err = ipc.NewFileWriter(a.w, options...)
	return err
}

func (a *arrowFile) write(g *rows) error {
	if a.writer == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	columns := make([]arrow.Array, 0, len(a.layout.columns))
	for i := range a.layout.columns {
		columns = append(columns, array.MakeFromData(arrayOf(g, i)))
	}
	return a.writer.Write(array.NewRecordBatch(a.layout.schema, columns, int64(g.count)))
}

func (a *arrowFile) close(*rows) error {
	if a.writer == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	return a.writer.Close()
}

// arrayOf is a column as Arrow has it in memory. Numbers are those of the rows, not copied.
func arrayOf(g *rows, i int) arrow.ArrayData {
	c := &g.layout.columns[i]
	buffers := []*memory.Buffer{nil, nil}
	var valid []byte
	nulls := 0
	switch {
	case c.isText():
		t := newTextDictionary()
		t.number(g, i)
		nulls, valid = t.nulls, bitsOf(g.count, func(row int) bool { return t.indices[row] >= 0 })
		text, offsets := t.all()
		buffers[1] = memory.NewBufferBytes(bytesOf(offsets))
		buffers = append(buffers, memory.NewBufferBytes(text))
	case c.pretty:
		values := make([]float64, g.count)
		for row, v := range columnOf[dbn.Price](g, i) {
			if v != dbn.UndefPrice {
				values[row] = v.Float64()
			}
		}
		buffers[1] = memory.NewBufferBytes(bytesOf(values))
	default:
		buffers[1] = memory.NewBufferBytes(bytesOf(valuesOf[byte](g.columns[i], g.count*c.width)))
	}
	if undefined, ok := c.undefinedOf(); ok {
		values := columnOf[uint64](g, i)
		for _, v := range values {
			if v == undefined {
				nulls++
			}
		}
		if nulls > 0 {
			valid = bitsOf(g.count, func(row int) bool { return values[row] != undefined })
		}
	}
	if nulls > 0 {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	return array.NewData(c.arrowType(), g.count, buffers, nil, nulls, 0)
}

// bitsOf is a bitmap of n rows.
func bitsOf(n int, valid func(row int) bool) []byte {
	bits := make([]byte, (n+7)/8)
	for row := range n {
		if valid(row) {
			bits[row/8] |= 1 << (row % 8)
		}
	}
	return bits
}
