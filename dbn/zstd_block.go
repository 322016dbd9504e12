package dbn

// blockDecoder decodes zstd blocks as the reference decoder does, which takes some blocks that a
// strict one refuses: it does not ask whether entropy-coded streams end where they should, and
// ignores reserved bits. It serves only frames in which a strict decoder found a fault (see
// zstdReader), so it is short rather than fast. See RFC 8878, section 3.1.1.
type blockDecoder struct {
	window   int
	literals literalReader
	tables   [3]fseTable // of literal lengths, offsets and match lengths
	recent   [3]int      // offsets
	out      []byte      // at least the window of what was decoded, and what was not read yet
	unread   []byte      // of out
}

func newBlockDecoder(window uint64) *blockDecoder {
	return &blockDecoder{window: int(window), recent: [3]int{1, 4, 8}}
}

// decode adds a block to what can be read.
func (d *blockDecoder) decode(kind uint32, size int, content []byte) error {
	if len(d.out) > 2*d.window+maxZstdBlock {
		d.out = append(d.out[:0], d.out[len(d.out)-d.window:]...)
	}
	before := len(d.out)
	switch kind {
	case storedBlock:
		d.out = append(d.out, content...)
	case repeatedByte:
		if size > maxZstdBlock {
			return errBlock
		}
		for range size {
			d.out = append(d.out, content[0])
		}
	case compressedBlock:
		if err := d.decodeCompressed(content); err != nil {
			d.out = d.out[:before]
			return err
		}
	default:
		return errBlock
	}
	d.unread = d.out[before:]
	return nil
}

func (d *blockDecoder) decodeCompressed(content []byte) error {
	if len(content) < 2 {
		return errBlock
	}
	literals, rest, err := d.literals.read(content)
	if err != nil || len(rest) == 0 {
		return errBlock
	}
	count, rest, err := d.readTables(rest)
	if err != nil {
		return err
	}
	limit := len(d.out) + maxZstdBlock
	if count > 0 {
		if literals, err = d.execute(count, literals, rest, limit); err != nil {
			return err
		}
	}
	d.out = append(d.out, literals...)
	if len(d.out) > limit {
		return errBlock
	}
	return nil
}

// readTables reads the number of sequences and the tables of their codes.
func (d *blockDecoder) readTables(in []byte) (count int, rest []byte, err error) {
	n := 1
	switch count = int(in[0]); {
	case count == 0:
		return 0, nil, nil
	case count == 255 && len(in) > 2:
		count, n = 0x7F00+int(in[1])+int(in[2])<<8, 3
	case count >= 128 && len(in) > 1:
		count, n = (count-128)<<8+int(in[1]), 2
	}
	if len(in) <= n {
		return 0, nil, errBlock
	}
	modes := in[n]
	in = in[n+1:]
	for i := range d.tables {
		if in, err = d.readTable(i, modes>>(6-2*i)&3, in); err != nil {
			return 0, nil, err
		}
	}
	return count, in, nil
}

func (d *blockDecoder) readTable(i int, mode byte, in []byte) (rest []byte, err error) {
	code := &sequenceCodes[i]
	switch mode {
	case 0:
		d.tables[i] = code.usual
	case 1:
		if len(in) == 0 || int(in[0]) >= code.symbols {
			return nil, errBlock
		}
		d.tables[i] = fseTable{entries: []fseEntry{{symbol: in[0]}}}
		return in[1:], nil
	case 2:
		table, n, err := readFSETable(in, code.maxLog, code.symbols)
		if err != nil {
			return nil, err
		}
		d.tables[i] = table
		return in[n:], nil
	case 3:
		if d.tables[i].entries == nil {
			return nil, errBlock
		}
	}
	return in, nil
}

// execute runs the sequences, each of which is a number of literals and a copy of earlier output.
// It returns the literals that are left.
func (d *blockDecoder) execute(count int, literals, in []byte, limit int) (left []byte, err error) {
	r, ok := newBackwards(in)
	if !ok {
		return nil, errBlock
	}
	var states [3]int
	for i := range states {
		states[i] = r.state(d.tables[i].log)
	}
	for {
		symbol := func(i int) int { return int(d.tables[i].entries[states[i]].symbol) }
		offset := 1<<symbol(1) + r.extra(symbol(1))
		match := matchLengths[symbol(2)].read(&r)
		length := literalLengths[symbol(0)].read(&r)
		offset = d.offset(offset, length)
		if length > len(literals) || offset < 1 || offset > len(d.out)+length || len(d.out)+length+match > limit {
			return nil, errBlock
		}
		d.out = append(d.out, literals[:length]...)
		literals = literals[length:]
		for range match {
			d.out = append(d.out, d.out[len(d.out)-offset])
		}
		if count--; count == 0 {
			return literals, nil
		}
		for _, i := range [...]int{0, 2, 1} {
			e := d.tables[i].entries[states[i]]
			states[i] = e.base + r.state(int(e.bits))
		}
	}
}

// offset is what a sequence's offset value stands for: one of the recent ones, or another.
func (d *blockDecoder) offset(value, length int) int {
	recent := &d.recent
	if value > 3 {
		recent[2], recent[1], recent[0] = recent[1], recent[0], value-3
		return recent[0]
	}
	if length == 0 {
		value++
	}
	switch value {
	case 2:
		recent[0], recent[1] = recent[1], recent[0]
	case 3:
		recent[0], recent[1], recent[2] = recent[2], recent[0], recent[1]
	case 4:
		recent[0], recent[1], recent[2] = max(recent[0]-1, 1), recent[0], recent[1]
	}
	return recent[0]
}

// lengthCode is a number that a code stands for, with bits that are added to it.
type lengthCode struct{ base, bits int }

func (c lengthCode) read(r *backwards) int { return c.base + r.extra(c.bits) }

// lengthCodes makes a table: numbers without bits, then each with its bits after the last.
func lengthCodes(least, plain int, withBits ...int) []lengthCode {
	var codes []lengthCode
	next := least
	for range plain {
		codes = append(codes, lengthCode{next, 0})
		next++
	}
	for _, bits := range withBits {
		codes = append(codes, lengthCode{next, bits})
		next += 1 << bits
	}
	return codes
}

var (
	literalLengths = lengthCodes(0, 16, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	matchLengths   = lengthCodes(3, 32, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
)

// sequenceCodes are the codes of literal lengths, offsets and match lengths.
var sequenceCodes = [3]struct {
	symbols, maxLog int
	usual           fseTable
}{
	{36, 9, spread([]int{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	}, 6)},
	{32, 8, spread([]int{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	}, 5)},
	{53, 9, spread([]int{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	}, 6)},
}
