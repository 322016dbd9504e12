package dbn

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// literalReader decodes the literals of zstd blocks as the reference decoder does, which does
// not ask whether the four streams of Huffman codes end where they should: after a flipped
// bit they rarely do, although most literals are right. See RFC 8878, sections 3.1.1.3.1
// and 4.2.
type literalReader struct {
	table   []huffmanEntry // of the last tree; nil before the first one
	maxBits int
	out     []byte
}

type huffmanEntry struct{ symbol, bits byte }

var errLiterals = errors.New("the literals of a block cannot be decoded")

const (
	compressedBlock = 2

	compressedLiterals = 2
	treelessLiterals   = 3

	maxHuffmanBits = 11
)

// rewrite gives a block's content with its Huffman-coded literals decoded: as raw literals.
// Other content comes back as it is.
func (l *literalReader) rewrite(content []byte) ([]byte, error) {
	if len(content) < 5 || content[0]&3 < compressedLiterals {
		return content, nil
	}
	kind, format := content[0]&3, content[0]>>2&3
	var word [8]byte
	copy(word[:], content[:5])
	sizes := binary.LittleEndian.Uint64(word[:]) >> 4
	width, header := [...]int{10, 10, 14, 18}[format], [...]int{3, 3, 4, 5}[format]
	mask := uint64(1)<<width - 1
	regenerated, compressed := int(sizes&mask), int(sizes>>width&mask)
	if regenerated > maxZstdBlock || compressed > len(content)-header {
		return nil, errLiterals
	}
	in, rest := content[header:header+compressed], content[header+compressed:]
	if kind == compressedLiterals {
		n, err := l.readTree(in)
		if err != nil {
			return nil, err
		}
		in = in[n:]
	}
	if l.table == nil || kind == treelessLiterals && len(l.table) == 0 {
		return nil, errLiterals
	}
	l.out = append(l.out[:0], 3<<2|byte(regenerated)<<4, byte(regenerated>>4), byte(regenerated>>12))
	l.out = append(l.out, make([]byte, regenerated)...)
	literals := l.out[3:]
	if format == 0 {
		if at, ok := l.decode(literals, in, len(in)); !ok || at != 0 {
			return nil, errLiterals
		}
	} else if err := l.decodeFour(literals, in); err != nil {
		return nil, err
	}
	l.out = append(l.out, rest...)
	return l.out, nil
}

func (l *literalReader) decodeFour(dst, in []byte) error {
	const jumps = 6
	if len(in) < jumps+4 {
		return errLiterals
	}
	streams := in[jumps:]
	segment, begin := (len(dst)+3)/4, 0
	for i := range 4 {
		end := len(streams)
		if i < 3 {
			end = begin + int(binary.LittleEndian.Uint16(in[2*i:]))
		}
		if end <= begin || end > len(streams) {
			return errLiterals
		}
		n := min(segment, len(dst))
		at, ok := l.decode(dst[:n], streams, end)
		if !ok || at < 8*begin-64 {
			return errLiterals
		}
		dst, begin = dst[n:], end
	}
	return nil
}

// decode fills dst from the stream of codes that is read backwards from in[end-1], and gives
// the bit at which it stopped. What lies before the stream is read as a part of it.
func (l *literalReader) decode(dst, in []byte, end int) (at int, ok bool) {
	r, ok := newBackwards(in[:end])
	if !ok {
		return 0, false
	}
	for i := range dst {
		e := l.table[r.peek(l.maxBits)]
		dst[i] = e.symbol
		r.at -= int(e.bits)
	}
	return r.at, true
}

// readTree takes in a Huffman tree's description and gives its length.
func (l *literalReader) readTree(in []byte) (n int, err error) {
	if len(in) == 0 {
		return 0, errLiterals
	}
	var weights [256]byte
	count, size := 0, int(in[0])
	if size >= 128 { // four bits each
		count = size - 127
		size = (count + 1) / 2
		if 1+size > len(in) {
			return 0, errLiterals
		}
		for i := range count {
			weights[i] = in[1+i/2] >> (4 * (1 - i%2)) & 15
		}
	} else {
		if 1+size > len(in) {
			return 0, errLiterals
		}
		if count, err = readWeights(weights[:255], in[1:1+size]); err != nil {
			return 0, err
		}
	}
	return 1 + size, l.build(weights[:count+1])
}

// build makes the table of codes. The last weight is not in the description: it completes
// the sum to a power of two.
func (l *literalReader) build(weights []byte) error {
	last, sum := len(weights)-1, uint(0)
	for _, w := range weights[:last] {
		if w > maxHuffmanBits+1 {
			return errLiterals
		}
		sum += 1 << w >> 1
	}
	if sum == 0 {
		return errLiterals
	}
	maxBits := bits.Len(sum)
	missing := uint(1)<<maxBits - sum
	if maxBits > maxHuffmanBits || missing&(missing-1) != 0 {
		return errLiterals
	}
	weights[last] = byte(bits.Len(missing))
	l.maxBits, l.table = maxBits, l.table[:0]
	for w := 1; w <= maxBits; w++ {
		for symbol, has := range weights {
			if int(has) != w {
				continue
			}
			for range 1 << (w - 1) {
				l.table = append(l.table, huffmanEntry{byte(symbol), byte(maxBits + 1 - w)})
			}
		}
	}
	if len(l.table) != 1<<maxBits {
		return errLiterals
	}
	return nil
}

// readWeights decodes weights that are coded with FSE, by two states in turn.
func readWeights(weights, in []byte) (count int, err error) {
	table, log, n, err := readFSETable(in)
	if err != nil {
		return 0, err
	}
	r, ok := newBackwards(in[n:])
	if !ok {
		return 0, errLiterals
	}
	states := [2]int{r.read(log), r.read(log)}
	for turn := 0; ; turn ^= 1 {
		if count == len(weights) {
			return 0, errLiterals
		}
		e := table[states[turn]]
		weights[count] = e.symbol
		count++
		states[turn] = e.base + r.read(int(e.bits))
		if r.at < 0 { // the other state has the last one
			if count == len(weights) {
				return 0, errLiterals
			}
			weights[count] = table[states[turn^1]].symbol
			return count + 1, nil
		}
	}
}

type fseEntry struct {
	symbol, bits byte
	base         int
}

// readFSETable reads the distribution of weights and makes the table of states.
func readFSETable(in []byte) (table []fseEntry, log, n int, err error) {
	f := forwards{in: in}
	log = f.read(4) + 5
	if log > 6 {
		return nil, 0, 0, errLiterals
	}
	var counts [16]int
	symbols, left := 0, 1<<log+1
	for left > 1 {
		if symbols >= len(counts) {
			return nil, 0, 0, errLiterals
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
	if left != 1 || symbols > len(counts) || f.at > 8*len(in) {
		return nil, 0, 0, errLiterals
	}
	return spread(counts[:], log), log, (f.at + 7) / 8, nil
}

// spread places the symbols in the table of states.
func spread(counts []int, log int) []fseEntry {
	size := 1 << log
	table := make([]fseEntry, size)
	var next [16]int
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
	return table
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

// peek gives the next n bits, at most 16.
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
	var word [4]byte
	copy(word[:], r.in[from/8:])
	return int(binary.LittleEndian.Uint32(word[:])>>(from%8)) & (1<<n - 1)
}

func (r *backwards) read(n int) int {
	value := r.peek(n)
	r.at -= n
	return value
}
