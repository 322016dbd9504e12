// Package dbntest makes DBN streams for tests of text output.
package dbntest

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// OddMetadata is the header of an odd stream.
func OddMetadata(schema dbn.Schema, version uint8, tsOut bool) *dbn.Metadata {
	length := 71
	if version == 1 {
		length = 22
	}
	return &dbn.Metadata{
		SymbolCstrLen: length,
		Version:       version, Dataset: "GLBX.MDP3", Schema: schema, Start: 1609160400000000000, Limit: 7,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, TsOut: tsOut, End: dbn.UndefTimestamp,
		Symbols: []string{`A"B`, "C,D", "E\tF"}, Partial: []string{"P"}, NotFound: []string{"N\\"},
		Mappings: []dbn.SymbolMapping{
			{RawSymbol: `A"B`, Intervals: []dbn.MappingInterval{{StartDate: 19700101, EndDate: 20300101, Symbol: "1"}}},
			{RawSymbol: "C,D", Intervals: []dbn.MappingInterval{{StartDate: 20201228, EndDate: 20201229, Symbol: "2"}}},
			{RawSymbol: "E\tF", Intervals: []dbn.MappingInterval{{StartDate: 20200101, EndDate: 20301229, Symbol: "3"}}},
		},
	}
}

// OddStream is a DBN stream with values that real data seldom has: unset, negative,
// greatest, control characters, quotes, text that is not UTF-8 or has no end. SchemaNone
// makes a mix of all record types, the gateway's own included.
func OddStream(schema dbn.Schema, version uint8, tsOut bool) ([]byte, error) {
	out, err := OddMetadata(schema, version, tsOut).Append(nil)
	if err != nil {
		return nil, err
	}
	rtypes := []dbn.RType{dbn.RTypeSymbolMapping, dbn.RTypeError, dbn.RTypeSystem}
	if schema != dbn.SchemaNone {
		rtype, _ := dbn.RTypeOf(schema)
		rtypes = []dbn.RType{rtype}
	} else {
		for _, s := range dbn.AllSchemas() {
			rtype, _ := dbn.RTypeOf(s)
			rtypes = append(rtypes, rtype)
		}
	}
	for _, rtype := range rtypes {
		for pattern := range OddPatterns {
			out = append(out, OddRecord(rtype, version, tsOut, pattern)...)
		}
	}
	return out, nil
}

// OddPatterns is the number of patterns of OddRecord.
var OddPatterns = len(oddPatterns)

// oddPatterns fill the body of a record from a certain byte on, again and again.
var oddPatterns = [][]byte{
	{0},
	{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, // unset prices
	{0xFF},                      // unset times, -1
	{'A', ',', '"', 'B', 0},     // text to be quoted
	{1, 0, 0, 0, 0, 0, 0, 0x80}, // the least price; one less is beyond what the official tool can print
	{0x01, 0x1F, 0x7F, 0x80, 0x08, 0x0C, 0x0B, 0}, // control characters
	{'\t', '\r', '\n', '\'', '"', '\\', '/', 0},
	{0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0, 0xC2, 0x85}, // UTF-8
	{0x7F, 0xE2, 0x80, 0xA8, '<', '>', '&', 0},
	{'n', 'o', 'e', 'n', 'd'},
	{0xC0, 0xD4, 0xDF, 0x5B, 0xBE, 0xE2, 0x54, 0x16}, // a time of 2020
}

// OddRecord is a record whose body is filled with a pattern, 0 to OddPatterns-1; its
// instrument id is the pattern's number.
func OddRecord(rtype dbn.RType, version uint8, tsOut bool, pattern int) []byte {
	size := dbn.SizeOf(rtype, version)
	words := make([]uint64, (size+15)/8)
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
	fill := oddPatterns[pattern]
	for i := dbn.HeaderLen; i < size; i++ {
		b[i] = fill[i%len(fill)]
	}
	if tsOut {
		ts := oddPatterns[(pattern+9)%len(oddPatterns)]
		for i := size; i < size+8; i++ {
			b[i] = ts[i%len(ts)]
		}
		size += 8
	}
	// Outside of these values the official tool prints what its memory happens to hold.
	if rtype == dbn.RTypeInstrumentDef && version == 1 {
		def := (*dbn.InstrumentDefMsgV1)(unsafe.Pointer(unsafe.SliceData(words)))
		def.SecurityUpdateAction, def.UserDefinedInstrument = dbn.SecurityUpdateActionModify, dbn.UserDefinedInstrumentYes
	}
	if rtype == dbn.RTypeInstrumentDef && version == 2 {
		(*dbn.InstrumentDefMsgV2)(unsafe.Pointer(unsafe.SliceData(words))).UserDefinedInstrument = dbn.UserDefinedInstrumentNo
	}
	hd := (*dbn.RecordHeader)(unsafe.Pointer(unsafe.SliceData(words)))
	hd.Length, hd.RType, hd.PublisherID, hd.InstrumentID = uint8(size/4), rtype, 1, uint32(pattern)
	hd.TsEvent = []dbn.UnixNanos{0, dbn.UndefTimestamp, 1609160400000000001, 1}[pattern%4]
	return b[:size]
}
