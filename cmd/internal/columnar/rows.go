package columnar

import (
	"cmp"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	// maxGroup bounds the memory of the rows that are encoded together, in bytes of records, unless
	// Options do.
	maxGroup = 16 << 20
	// blockSize is how many bytes of records are made into columns at once: what the processor's
	// cache holds while each column reads its part of it.
	blockSize = 128 << 10
)

// rows holds records column by column, until they are encoded together.
type rows struct {
	layout  *layout
	limit   int // of rows
	held    int // rows that the columns have memory for
	count   int // rows in the columns
	columns [][]uint64
	block   []uint64 // records that are not in the columns yet
	pending int      // how many
	room    int      // how many fit
	symbols symbolTable
}

// newRows makes room for as many rows as the memory allows, and at most as many as are wanted.
func newRows(l *layout, most int) *rows {
	memory := cmp.Or(l.options.Memory, maxGroup)
	g := &rows{layout: l, room: max(1, min(blockSize, memory)/l.stride)}
	g.limit = min(most, max(1, memory/l.stride))
	g.block = make([]uint64, g.room*l.stride/8)
	g.columns = make([][]uint64, len(l.columns))
	g.symbols.reset()
	return g
}

// reserve makes room for the rows of a block. The memory grows with what comes, so that few rows
// take little.
func (g *rows) reserve() {
	if g.held >= min(g.limit, g.count+g.room) {
		return
	}
	g.held = min(g.limit, max(2*g.held, g.count+g.room))
	for i := range g.columns {
		longer := make([]uint64, (g.held*g.layout.columns[i].width+7)/8)
		copy(longer, g.columns[i])
		g.columns[i] = longer
	}
}

// add takes a record that has the layout.
func (g *rows) add(r dbn.Record, symbol string, known bool) (full bool) {
	l := g.layout
	if g.pending == 0 {
		g.reserve()
	}
	at := unsafe.Slice((*byte)(unsafe.Pointer(&g.block[g.pending*l.stride/8])), l.stride)
	copy(at, r.Bytes()[:l.size])
	if l.options.Metadata.TsOut {
		*(*dbn.UnixNanos)(unsafe.Pointer(&at[l.stride-8])) = r.TsOut()
	}
	if l.symbolAt >= 0 {
		values := valuesOf[int32](g.columns[l.symbolAt], g.held)
		values[g.count+g.pending] = g.symbols.index(symbol, known)
	}
	g.pending++
	if g.pending == g.room || g.count+g.pending == g.limit {
		g.settle()
	}
	return g.count == g.limit
}

// settle brings the pending records into the columns.
func (g *rows) settle() {
	if g.pending == 0 {
		return
	}
	for i := range g.layout.columns {
		c := &g.layout.columns[i]
		if c.symbol {
			continue
		}
		from := unsafe.Add(unsafe.Pointer(unsafe.SliceData(g.block)), c.offset)
		switch c.width {
		case 1:
			gather(valuesOf[uint8](g.columns[i], g.held)[g.count:][:g.pending], from, g.layout.stride)
		case 2:
			gather(valuesOf[uint16](g.columns[i], g.held)[g.count:][:g.pending], from, g.layout.stride)
		case 4:
			gather(valuesOf[uint32](g.columns[i], g.held)[g.count:][:g.pending], from, g.layout.stride)
		case 8:
			gather(valuesOf[uint64](g.columns[i], g.held)[g.count:][:g.pending], from, g.layout.stride)
		default:
			g.gatherText(i, from)
		}
	}
	g.count += g.pending
	g.pending = 0
}

// gather reads one column of records that follow each other.
func gather[T any](dst []T, from unsafe.Pointer, stride int) {
	for i := range dst {
		dst[i] = *(*T)(unsafe.Add(from, i*stride))
	}
}

func (g *rows) gatherText(i int, from unsafe.Pointer) {
	width := g.layout.columns[i].width
	dst := valuesOf[byte](g.columns[i], g.held*width)[g.count*width:]
	for n := range g.pending {
		copy(dst[n*width:][:width], unsafe.Slice((*byte)(unsafe.Add(from, n*g.layout.stride)), width))
	}
}

// clear forgets the rows.
func (g *rows) clear() {
	g.count, g.pending = 0, 0
	g.symbols.reset()
}

// valuesOf is a column's memory as n values.
func valuesOf[T any](words []uint64, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(words))), n)
}

// column gives the values of a column.
func columnOf[T any](g *rows, i int) []T { return valuesOf[T](g.columns[i], g.count) }
