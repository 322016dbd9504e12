package columnar

import (
	"unicode/utf8"
	"unsafe"
)

// noSymbol is the index of a symbol that is not known.
const noSymbol = -1

// symbolTable numbers the symbols of rows. Most records have the symbol of one of the records just
// before, at the same place in memory, so that the text is seldom read.
type symbolTable struct {
	names   []string
	numbers map[string]int32
	recent  [256]recentSymbol
}

type recentSymbol struct {
	name   string
	number int32
}

func (t *symbolTable) reset() {
	t.names = t.names[:0]
	clear(t.numbers)
	if t.numbers == nil {
		t.numbers = make(map[string]int32)
	}
	t.recent = [256]recentSymbol{}
}

func (t *symbolTable) index(symbol string, known bool) int32 {
	if !known {
		return noSymbol
	}
	at := unsafe.StringData(symbol)
	r := &t.recent[uint64(uintptr(unsafe.Pointer(at)))*0x9E3779B97F4A7C15>>56]
	if at != nil && unsafe.StringData(r.name) == at && len(r.name) == len(symbol) {
		return r.number
	}
	number, ok := t.numbers[symbol]
	if !ok {
		number = int32(len(t.names))
		t.names = append(t.names, validText(symbol))
		t.numbers[symbol] = number
	}
	*r = recentSymbol{symbol, number}
	return number
}

// validText replaces each invalid byte, as in JSON: a column of text is UTF-8.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
