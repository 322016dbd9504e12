package columnar

import (
	"bytes"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet"

	"github.com/dbnloop/dbnloop/dbn"
)

// textDictionary numbers the different texts of a column.
type textDictionary struct {
	values  []parquet.ByteArray
	numbers map[string]int32
	indices []int32 // of the rows; noSymbol: null
	nulls   int
	text    []byte
	offsets []int32
}

func newTextDictionary() textDictionary {
	return textDictionary{numbers: make(map[string]int32)}
}

// number fills the dictionary from a column of rows.
func (t *textDictionary) number(g *rows, i int) {
	c := &g.layout.columns[i]
	t.values, t.nulls = t.values[:0], 0
	clear(t.numbers)
	if cap(t.indices) < g.count {
		t.indices = make([]int32, g.count)
	}
	t.indices = t.indices[:g.count]
	switch {
	case c.symbol:
		for _, name := range g.symbols.names {
			t.values = append(t.values, parquet.ByteArray(name))
		}
		copy(t.indices, columnOf[int32](g, i))
		for _, index := range t.indices {
			if index < 0 {
				t.nulls++
			}
		}
	case c.kind == dbn.ColumnChar:
		t.numberChars(columnOf[byte](g, i))
	default:
		t.numberTexts(valuesOf[byte](g.columns[i], g.count*c.width), c.width)
	}
}

// numberChars takes characters. What is not ASCII is not a character, as with the official tool.
func (t *textDictionary) numberChars(chars []byte) {
	var numbers [256]int32 // plus one
	for i, char := range chars {
		if char >= utf8.RuneSelf {
			char = 0
		}
		if numbers[char] == 0 {
			text := parquet.ByteArray{char}
			if char == 0 {
				text = text[:0]
			}
			t.values = append(t.values, text)
			numbers[char] = int32(len(t.values))
		}
		t.indices[i] = numbers[char] - 1
	}
}

// numberTexts takes fields of a width. An empty one is null, and so is one that is not UTF-8.
func (t *textDictionary) numberTexts(fields []byte, width int) {
	for i := range t.indices {
		field := fields[i*width:][:width]
		if i > 0 && bytes.Equal(field, fields[(i-1)*width:][:width]) {
			t.indices[i] = t.indices[i-1]
		} else {
			t.indices[i] = t.numberText(field)
		}
		if t.indices[i] < 0 {
			t.nulls++
		}
	}
}

func (t *textDictionary) numberText(field []byte) int32 {
	end := bytes.IndexByte(field, 0)
	if end <= 0 || !utf8.Valid(field[:end]) {
		return noSymbol
	}
	number, known := t.numbers[string(field[:end])]
	if !known {
		number = int32(len(t.values))
		t.values = append(t.values, parquet.ByteArray(field[:end]))
		t.numbers[string(field[:end])] = number
	}
	return number
}

// overflows reports whether the dictionary would hardly be smaller than the texts.
func (t *textDictionary) overflows() bool { return len(t.values) > max(1<<8, len(t.indices)/2) }

// flat is the dictionary's text and where each value begins in it.
func (t *textDictionary) flat() (text []byte, offsets []int32) {
	t.text, t.offsets = t.text[:0], append(t.offsets[:0], 0)
	for _, value := range t.values {
		t.text = append(t.text, value...)
		t.offsets = append(t.offsets, int32(len(t.text)))
	}
	return t.text, t.offsets
}

// all are the texts of the rows one after the other, and where each begins.
func (t *textDictionary) all() (text []byte, offsets []int32) {
	offsets = make([]int32, 1, len(t.indices)+1)
	for _, index := range t.indices {
		if index >= 0 {
			text = append(text, t.values[index]...)
		}
		offsets = append(offsets, int32(len(text)))
	}
	return text, offsets
}
