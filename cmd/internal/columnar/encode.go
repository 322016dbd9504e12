package columnar

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"github.com/dbnloop/dbnloop/dbn"
)

// scratch is the memory with which one goroutine encodes columns.
type scratch struct {
	dictionary dictionary
	texts      textDictionary
	indices    []int32
	levels     []int16 // 1: a value, 0: null
	present    []int16 // all 1
	valid      []byte  // the same, as bits
	int32s     []int32
	int64s     []int64
	float64s   []float64
}

func newScratch() *scratch { return &scratch{texts: newTextDictionary()} }

// chunkWriter writes one column of a row group, as a physical type.
type chunkWriter[P any] interface {
	file.ColumnChunkWriter
	WriteBatch(values []P, defined, repeated []int16) (int64, error)
	FlushCurrentPage() error
}

// encode writes a column of the rows.
func (s *scratch) encode(w file.ColumnChunkWriter, g *rows, i int, how encoding) error {
	c := &g.layout.columns[i]
	switch w := w.(type) {
	case *file.Int32ColumnChunkWriter:
		switch c.kind {
		case dbn.ColumnU8:
			return encodeInt32(s, w, columnOf[uint8](g, i), how)
		case dbn.ColumnU16:
			return encodeInt32(s, w, columnOf[uint16](g, i), how)
		case dbn.ColumnU32:
			return encodeInt32(s, w, columnOf[uint32](g, i), how)
		case dbn.ColumnI8:
			return encodeInt32(s, w, columnOf[int8](g, i), how)
		case dbn.ColumnI16:
			return encodeInt32(s, w, columnOf[int16](g, i), how)
		}
		return encodeInt32(s, w, columnOf[int32](g, i), how)
	case *file.Int64ColumnChunkWriter:
		return s.encodeInt64(w, c, columnOf[uint64](g, i), how)
	case *file.Float64ColumnChunkWriter:
		return s.encodeFloat64(w, columnOf[uint64](g, i), how)
	case *file.ByteArrayColumnChunkWriter:
		return s.encodeText(w, g, i)
	}
	return fmt.Errorf("column %s has no writer", c.name)
}

// encodeInt32 writes integers of at most 32 bits.
func encodeInt32[T uint8 | uint16 | uint32 | int8 | int16 | int32](s *scratch, w *file.Int32ColumnChunkWriter, values []T, how encoding) error {
	if how == dictionaryCoded {
		if numbered := numberAll(s, values, 0, false); numbered {
			s.int32s = s.int32s[:0]
			for _, v := range s.dictionary.values {
				s.int32s = append(s.int32s, int32(T(v)))
			}
			if statistics, ok := w.PageStatistics().(*metadata.Int32Statistics); ok {
				statistics.Update(s.int32s, 0)
			}
			return s.writeDictionary(w, arrow.PrimitiveTypes.Int32, bytesOf(s.int32s), len(s.int32s), nil, 0)
		}
		w.FallbackToPlain()
	}
	if cap(s.int32s) < len(values) {
		s.int32s = make([]int32, len(values))
	}
	s.int32s = s.int32s[:len(values)]
	for i, v := range values {
		s.int32s[i] = int32(v)
	}
	return writeAll(w, s.int32s, nil)
}

// encodeInt64 writes integers of 64 bits, prices and times.
func (s *scratch) encodeInt64(w *file.Int64ColumnChunkWriter, c *column, values []uint64, how encoding) error {
	undefined, nullable := c.undefinedOf()
	if how == dictionaryCoded {
		if numbered := numberAll(s, values, undefined, nullable); numbered {
			numbers := valuesOf[int64](s.dictionary.values, len(s.dictionary.values))
			levels, nulls := s.levelsOf(values, undefined, nullable)
			if statistics, ok := w.PageStatistics().(*metadata.Int64Statistics); ok {
				statistics.Update(numbers, int64(nulls))
			}
			return s.writeDictionary(w, arrow.PrimitiveTypes.Int64, bytesOf(numbers), len(numbers), levels, nulls)
		}
		w.FallbackToPlain()
	}
	levels, nulls := s.levelsOf(values, undefined, nullable)
	defined := valuesOf[int64](values, len(values))
	if nulls > 0 {
		s.int64s = s.int64s[:0]
		for _, v := range defined {
			if v != int64(undefined) {
				s.int64s = append(s.int64s, v)
			}
		}
		defined = s.int64s
	}
	return writeAll(w, defined, levels)
}

// encodeFloat64 writes prices as floating-point numbers.
func (s *scratch) encodeFloat64(w *file.Float64ColumnChunkWriter, values []uint64, how encoding) error {
	const undefined = uint64(dbn.UndefPrice)
	levels, nulls := s.levelsOf(values, undefined, true)
	s.float64s = s.float64s[:0]
	if how == dictionaryCoded {
		if numbered := numberAll(s, values, undefined, true); numbered {
			for _, v := range s.dictionary.values {
				s.float64s = append(s.float64s, dbn.Price(v).Float64())
			}
			if statistics, ok := w.PageStatistics().(*metadata.Float64Statistics); ok {
				statistics.Update(s.float64s, int64(nulls))
			}
			return s.writeDictionary(w, arrow.PrimitiveTypes.Float64, bytesOf(s.float64s), len(s.float64s), levels, nulls)
		}
		w.FallbackToPlain()
	}
	for _, v := range values {
		if v != undefined {
			s.float64s = append(s.float64s, dbn.Price(v).Float64())
		}
	}
	return writeAll(w, s.float64s, levels)
}

// encodeText writes characters, texts and symbols.
func (s *scratch) encodeText(w *file.ByteArrayColumnChunkWriter, g *rows, i int) error {
	s.texts.number(g, i)
	c, t := &g.layout.columns[i], &s.texts
	s.indices = t.indices
	var levels []int16
	if c.nullable() {
		levels = s.definedLevels(len(t.indices), t.nulls, func(i int) bool { return t.indices[i] >= 0 })
	}
	if statistics, ok := w.PageStatistics().(*metadata.ByteArrayStatistics); ok {
		statistics.Update(t.values, int64(t.nulls))
	}
	if !t.overflows() {
		return s.writeTextDictionary(w, levels)
	}
	w.FallbackToPlain()
	all := make([]parquet.ByteArray, 0, len(t.indices))
	for _, index := range t.indices {
		if index >= 0 {
			all = append(all, t.values[index])
		}
	}
	return writeAll(w, all, levels)
}

// numberAll makes of the values their numbers in the dictionary; those that are undefined have the
// number 0. It reports whether the dictionary is small enough.
func numberAll[T uint8 | uint16 | uint32 | uint64 | int8 | int16 | int32](s *scratch, values []T, undefined uint64, nullable bool) bool {
	d := &s.dictionary
	d.reset()
	if cap(s.indices) < len(values) {
		s.indices = make([]int32, len(values))
	}
	indices := s.indices[:len(values)]
	s.indices = indices
	most := max(1<<8, len(values)/4)
	var last T
	number := int32(-1)
	for i, v := range values {
		if number < 0 || v != last {
			if nullable && uint64(v) == undefined {
				indices[i] = 0
				continue
			}
			last, number = v, d.number(uint64(v))
			if len(d.values) > most {
				return false
			}
		}
		indices[i] = number
	}
	return true
}

// levelsOf says of each value whether it is defined; nil: the column has no others.
func (s *scratch) levelsOf(values []uint64, undefined uint64, nullable bool) (levels []int16, nulls int) {
	if !nullable {
		return nil, 0
	}
	for _, v := range values {
		if v == undefined {
			nulls++
		}
	}
	return s.definedLevels(len(values), nulls, func(i int) bool { return values[i] != undefined }), nulls
}

func (s *scratch) definedLevels(n, nulls int, defined func(i int) bool) []int16 {
	if nulls == 0 {
		for len(s.present) < n {
			s.present = append(s.present, 1)
		}
		return s.present[:n]
	}
	s.levels = s.levels[:0]
	for i := range n {
		level := int16(0)
		if defined(i) {
			level = 1
		}
		s.levels = append(s.levels, level)
	}
	return s.levels
}

// writeAll writes values, and ends the page while other goroutines encode other columns.
func writeAll[P any](w chunkWriter[P], values []P, levels []int16) error {
	if len(values) == 0 && len(levels) == 0 {
		return nil
	}
	if _, err := w.WriteBatch(values, levels, nil); err != nil {
		return err
	}
	return w.FlushCurrentPage()
}

// dictionaryWriter is a column chunk with a dictionary.
type dictionaryWriter interface {
	file.ColumnChunkWriter
	FlushCurrentPage() error
}

// writeDictionary writes a dictionary of n values, and the numbers of the rows' values.
func (s *scratch) writeDictionary(w dictionaryWriter, of arrow.DataType, values []byte, n int, levels []int16, nulls int) error {
	data := array.NewData(of, n, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
	return s.writeNumbers(w, array.MakeFromData(data), levels, nulls)
}

func (s *scratch) writeTextDictionary(w dictionaryWriter, levels []int16) error {
	text, offsets := s.texts.flat()
	data := array.NewData(arrow.BinaryTypes.String, len(offsets)-1,
		[]*memory.Buffer{nil, memory.NewBufferBytes(bytesOf(offsets)), memory.NewBufferBytes(text)}, nil, 0, 0)
	return s.writeNumbers(w, array.MakeFromData(data), levels, s.texts.nulls)
}

func (s *scratch) writeNumbers(w dictionaryWriter, values arrow.Array, levels []int16, nulls int) error {
	if len(s.indices) == 0 {
		return nil
	}
	encoder, ok := w.CurrentEncoder().(interface{ PutDictionary(arrow.Array) error })
	if !ok {
		return fmt.Errorf("column %s has no dictionary", w.Descr().Name())
	}
	if err := encoder.PutDictionary(values); err != nil {
		return err
	}
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(bytesOf(s.indices))}
	if nulls > 0 {
		buffers[0] = memory.NewBufferBytes(s.bits(levels))
	}
	numbers := array.NewInt32Data(array.NewData(arrow.PrimitiveTypes.Int32, len(s.indices), buffers, nil, nulls, 0))
	if err := w.WriteDictIndices(numbers, levels, nil); err != nil {
		return err
	}
	return w.FlushCurrentPage()
}

// bits are the levels as a bitmap.
func (s *scratch) bits(levels []int16) []byte {
	s.valid = append(s.valid[:0], make([]byte, (len(levels)+7)/8)...)
	for i, level := range levels {
		s.valid[i/8] |= byte(level) << (i % 8)
	}
	return s.valid
}

// bytesOf is the memory of values.
func bytesOf[T any](values []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(*new(T))))
}
