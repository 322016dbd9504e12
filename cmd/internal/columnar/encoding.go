package columnar

import (
	"math/bits"

	"github.com/dbnloop/dbnloop/dbn"
)

// encoding is how the values of a column are written in Parquet.
type encoding int

const (
	plain encoding = iota
	// dictionaryCoded writes each different value once, and then their numbers.
	dictionaryCoded
	// deltaCoded writes the differences of integers, with as many bits as the largest of 32 needs.
	deltaCoded
)

// sampleRows is how many rows the choice of encodings reads.
const sampleRows = 1 << 15

// chooseEncodings measures for each column which encoding needs the fewest bits for the first rows.
func chooseEncodings(g *rows) []encoding {
	chosen := make([]encoding, len(g.columns))
	var d dictionary
	for i := range g.layout.columns {
		c := &g.layout.columns[i]
		switch {
		case c.isText() || c.width == 1:
			chosen[i] = dictionaryCoded
		case c.width == 2:
			chosen[i] = choose(sampleOf[uint16](g, i), c, &d)
		case c.width == 4:
			chosen[i] = choose(sampleOf[uint32](g, i), c, &d)
		default:
			chosen[i] = choose(sampleOf[uint64](g, i), c, &d)
		}
	}
	return chosen
}

// sampleOf takes the rows in the middle, so that the beginning of a day does not decide.
func sampleOf[T any](g *rows, i int) []T {
	values := columnOf[T](g, i)
	if skip := len(values) - sampleRows; skip > 0 {
		values = values[skip/2:][:sampleRows]
	}
	return values
}

func choose[T uint16 | uint32 | uint64](values []T, c *column, d *dictionary) encoding {
	if len(values) == 0 {
		return plain
	}
	best, fewest := plain, len(values)*max(4, c.width)*8
	if n := dictionaryBits(values, max(4, c.width)*8, d); n < fewest {
		best, fewest = dictionaryCoded, n
	}
	if n := deltaBits(values, c); !c.pretty && n < fewest {
		best = deltaCoded
	}
	return best
}

// dictionaryBits is the size of the values as numbers in a dictionary of values of a width.
func dictionaryBits[T uint16 | uint32 | uint64](values []T, width int, d *dictionary) int {
	d.reset()
	for _, v := range values {
		d.number(uint64(v))
	}
	n := len(d.values)
	return n*width + len(values)*bits.Len(uint(n-1))
}

// deltaBits is the size of the values as differences: in blocks of 128, in which 32 at a time have
// as many bits as the largest difference from the block's smallest one.
func deltaBits[T uint16 | uint32 | uint64](values []T, c *column) (total int) {
	var deltas [128]int64
	for i := 1; i < len(values); i += len(deltas) {
		n := min(len(deltas), len(values)-i)
		least := int64(1<<63 - 1)
		for j := range n {
			deltas[j] = int64(values[i+j]) - int64(values[i+j-1])
			if c.width < 8 { // as integers of 32 bits, which overflow
				deltas[j] = int64(int32(deltas[j]))
			}
			least = min(least, deltas[j])
		}
		total += 64 + 32
		for j := 0; j < n; j += 32 {
			most := least
			for _, delta := range deltas[j:min(n, j+32)] {
				most = max(most, delta)
			}
			total += 32 * bits.Len64(uint64(most-least))
		}
	}
	return total
}

// undefinedOf is the value that stands for none; ok reports whether there is one.
func (c *column) undefinedOf() (undefined uint64, ok bool) {
	switch c.kind {
	case dbn.ColumnTime:
		return uint64(dbn.UndefTimestamp), true
	case dbn.ColumnPrice:
		return uint64(dbn.UndefPrice), true
	}
	return 0, false
}
