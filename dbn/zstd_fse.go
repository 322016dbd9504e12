package dbn

import (
	"encoding/binary"
	"math/bits"
)

// FSE, the entropy coding of zstd (RFC 8878, section 4.1), for frames that are decoded a
// second time.
type fseEntry struct {
	symbol, bits byte
	base         int
}

// fseTable is a table of states, of 1<<log entries.
type fseTable struct {
	entries []fseEntry
	log     int
}

// maxSymbols is how many symbols a distribution may have: match lengths have the most.
const maxSymbols = 53

// readFSETable reads a distribution and makes its table of states. n is its length.
func readFSETable(in []byte, maxLog, most int) (table fseTable, n int, err error) {
	f := forwards{in: in}
	log := f.read(4) + 5
	if log > maxLog {
		return table, 0, errBlock
	}
	var counts [maxSymbols]int
	symbols, left := 0, 1<<log+1
	for left > 1 {
		if symbols >= most {
			return table, 0, errBlock
		}
		// Small values take one bit less.
		width := bits.Len(uint(left))
		low := f.peek(width - 1)
		short := 1<<width - 1 - left
		value := low
		if low < short {
			f.at += width - 1
		} else {
			value = f.read(width)
			if value >= 1<<(width-1) {
				value -= short
			}
		}
		count := value - 1 // -1: less than one
		counts[symbols] = count
		symbols++
		left -= max(count, -count)
		if count == 0 {
			for repeat := 3; repeat == 3; {
				repeat = f.read(2)
				symbols += repeat
			}
		}
	}
	if left != 1 || symbols > most || f.at > 8*len(in) {
		return table, 0, errBlock
	}
	return spread(counts[:symbols], log), (f.at + 7) / 8, nil
}

// spread places the symbols in the table of states.
func spread(counts []int, log int) fseTable {
	size := 1 << log
	table := make([]fseEntry, size)
	var next [maxSymbols]int
	high := size
	for symbol, count := range counts {
		next[symbol] = count
		if count < 0 {
			high--
			table[high].symbol = byte(symbol)
			next[symbol] = 1
		}
	}
	at, step := 0, size>>1+size>>3+3
	for symbol, count := range counts {
		for range max(count, 0) {
			table[at].symbol = byte(symbol)
			for at = (at + step) & (size - 1); at >= high; {
				at = (at + step) & (size - 1)
			}
		}
	}
	for i := range table {
		e := &table[i]
		state := next[e.symbol]
		next[e.symbol]++
		width := log - (bits.Len(uint(state)) - 1)
		e.bits, e.base = byte(width), state<<width-size
	}
	return fseTable{table, log}
}

// forwards reads bits from the lowest of the first byte on; zeros after the end.
type forwards struct {
	in []byte
	at int
}

func (f *forwards) peek(n int) (value int) {
	for i := range n {
		if at := f.at + i; at < 8*len(f.in) {
			value |= int(f.in[at/8]>>(at%8)&1) << i
		}
	}
	return value
}

func (f *forwards) read(n int) int {
	value := f.peek(n)
	f.at += n
	return value
}

// backwards reads bits from the last one before the mark, the highest bit that is set in the
// last byte, down to the lowest of the first byte; zeros after that.
type backwards struct {
	in []byte
	at int // bits that are left; negative after the end
}

func newBackwards(in []byte) (r backwards, ok bool) {
	if len(in) == 0 || in[len(in)-1] == 0 {
		return r, false
	}
	return backwards{in, 8*(len(in)-1) + bits.Len8(in[len(in)-1]) - 1}, true
}

// peek gives the next n bits, at most 32.
func (r *backwards) peek(n int) int {
	from := r.at - n
	if from < 0 {
		if r.at <= 0 {
			return 0
		}
		return r.window(0, r.at) << -from
	}
	return r.window(from, n)
}

func (r *backwards) window(from, n int) int {
	var word [8]byte
	copy(word[:], r.in[from/8:])
	return int(binary.LittleEndian.Uint64(word[:])>>(from%8)) & (1<<n - 1)
}

// extra reads n bits of a number, state n bits of the next state. After the end they give
// what the reference decoder reads there: bits that it has read before.
func (r *backwards) extra(n int) int {
	if r.at >= n || n == 0 {
		return r.read(n)
	}
	value := r.first() << ((64 - r.at) & 63) >> (64 - n)
	r.at -= n
	return int(value)
}

func (r *backwards) state(n int) int {
	if r.at >= n || n == 0 {
		return r.read(n)
	}
	r.at -= n
	return int(r.first() >> (r.at & 63) & (1<<n - 1))
}

// first are the first eight bytes.
func (r *backwards) first() uint64 {
	var word [8]byte
	copy(word[:], r.in)
	return binary.LittleEndian.Uint64(word[:])
}

func (r *backwards) read(n int) int {
	value := r.peek(n)
	r.at -= n
	return value
}
