package dbn

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// literalReader decodes the literals of a zstd block as the reference decoder does. See
// RFC 8878, sections 3.1.1.3.1 and 4.2.
type literalReader struct {
	table   []huffmanEntry // of the last tree; nil before the first one
	maxBits int
	out     []byte
}

type huffmanEntry struct{ symbol, bits byte }

var errBlock = errors.New("a block cannot be decoded")

const (
	rawLiterals        = 0
	repeatedLiterals   = 1
	compressedLiterals = 2

	maxHuffmanBits = 11
)

// read gives the literals with which a block's content begins, and what follows them.
func (l *literalReader) read(content []byte) (literals, rest []byte, err error) {
	var word [8]byte
	copy(word[:], content[:min(5, len(content))])
	header := binary.LittleEndian.Uint64(word[:])
	kind, format := header&3, header>>2&3
	if kind <= repeatedLiterals {
		n, size := 1, int(word[0]>>3)
		switch format {
		case 1:
			n, size = 2, int(header>>4&0xFFF)
		case 3:
			n, size = 3, int(header>>4&0xFFFFF)
		}
		stored := size
		if kind == repeatedLiterals {
			stored = 1
		}
		if size > maxZstdBlock || n+stored > len(content) {
			return nil, nil, errBlock
		}
		literals, rest = content[n:n+stored], content[n+stored:]
		if kind == repeatedLiterals {
			l.out = append(l.out[:0], make([]byte, size)...)
			for i := range l.out {
				l.out[i] = literals[0]
			}
			literals = l.out
		}
		return literals, rest, nil
	}
	width, n := [...]int{10, 10, 14, 18}[format], [...]int{3, 3, 4, 5}[format]
	mask := uint64(1)<<width - 1
	size, compressed := int(header>>4&mask), int(header>>4>>width&mask)
	if size > maxZstdBlock || n+compressed > len(content) {
		return nil, nil, errBlock
	}
	in, rest := content[n:n+compressed], content[n+compressed:]
	if kind == compressedLiterals {
		tree, err := l.readTree(in)
		if err != nil {
			return nil, nil, err
		}
		in = in[tree:]
	}
	if len(l.table) == 0 {
		return nil, nil, errBlock
	}
	l.out = append(l.out[:0], make([]byte, size)...)
	if format > 0 {
		return l.out, rest, l.decodeFour(l.out, in)
	}
	r, ok := newBackwards(in)
	if ok {
		l.decode(l.out, &r)
	}
	if !ok || r.at != 0 {
		return nil, nil, errBlock
	}
	return l.out, rest, nil
}

// decodeFour decodes four streams of codes. Like the reference decoder it does not ask
// whether they end where they should: after a flipped bit they rarely do, although most
// literals are right.
func (l *literalReader) decodeFour(dst, in []byte) error {
	const jumps = 6
	if len(in) < jumps+4 {
		return errBlock
	}
	streams := in[jumps:]
	segment, begin := (len(dst)+3)/4, 0
	for i := range 4 {
		end := len(streams)
		if i < 3 {
			end = begin + int(binary.LittleEndian.Uint16(in[2*i:]))
		}
		if end <= begin || end > len(streams) {
			return errBlock
		}
		n := min(segment, len(dst))
		r, ok := newBackwards(streams[:end])
		if !ok { // no mark
			r = backwards{streams[:end], 8 * end}
		}
		l.decode(dst[:n], &r)
		dst, begin = dst[n:], end
	}
	return nil
}

// decode fills dst from a stream of codes. Codes that are missing are read from what lies
// before the stream.
func (l *literalReader) decode(dst []byte, r *backwards) {
	for i := range dst {
		e := l.table[r.peek(l.maxBits)]
		dst[i] = e.symbol
		r.at -= int(e.bits)
	}
}

// readTree takes in a Huffman tree's description and gives its length.
func (l *literalReader) readTree(in []byte) (n int, err error) {
	if len(in) == 0 {
		return 0, errBlock
	}
	var weights [256]byte
	count, size := 0, int(in[0])
	if size >= 128 { // four bits each
		count = size - 127
		size = (count + 1) / 2
		if 1+size > len(in) {
			return 0, errBlock
		}
		for i := range count {
			weights[i] = in[1+i/2] >> (4 * (1 - i%2)) & 15
		}
	} else {
		if 1+size > len(in) {
			return 0, errBlock
		}
		if count, err = readWeights(weights[:255], in[1:1+size]); err != nil {
			return 0, err
		}
	}
	l.table = l.table[:0]
	return 1 + size, l.build(weights[:count+1])
}

// build makes the table of codes. The last weight is not in the description: it completes
// the sum to a power of two.
func (l *literalReader) build(weights []byte) error {
	last, sum := len(weights)-1, uint(0)
	for _, w := range weights[:last] {
		if w > maxHuffmanBits+1 {
			return errBlock
		}
		sum += 1 << w >> 1
	}
	if sum == 0 {
		return errBlock
	}
	maxBits := bits.Len(sum)
	missing := uint(1)<<maxBits - sum
	if maxBits > maxHuffmanBits || missing&(missing-1) != 0 {
		return errBlock
	}
	weights[last] = byte(bits.Len(missing))
	l.maxBits = maxBits
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
		l.table = l.table[:0]
		return errBlock
	}
	return nil
}

// readWeights decodes weights that are coded with FSE, by two states in turn.
func readWeights(weights, in []byte) (count int, err error) {
	table, n, err := readFSETable(in, 6, 16)
	if err != nil {
		return 0, err
	}
	r, ok := newBackwards(in[n:])
	if !ok {
		return 0, errBlock
	}
	states := [2]int{r.read(table.log), r.read(table.log)}
	for turn := 0; ; turn ^= 1 {
		if count == len(weights) {
			return 0, errBlock
		}
		e := table.entries[states[turn]]
		weights[count] = e.symbol
		count++
		states[turn] = e.base + r.read(int(e.bits))
		if r.at < 0 { // the other state has the last one
			if count == len(weights) {
				return 0, errBlock
			}
			weights[count] = table.entries[states[turn^1]].symbol
			return count + 1, nil
		}
	}
}
