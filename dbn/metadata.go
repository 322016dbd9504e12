package dbn

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Metadata is the header of a DBN stream.
type Metadata struct {
	Version       uint8
	Dataset       string
	Schema        Schema // SchemaNone: mixed, as in live streams
	Start, End    UnixNanos
	Limit         uint64 // number of records; 0: no limit
	StypeIn       SType  // STypeNone: mixed
	StypeOut      SType
	TsOut         bool // every record carries the gateway's send time
	SymbolCstrLen int  // bytes of a symbol on the wire; set by the version when encoding
	Symbols       []string
	Partial       []string // not resolved on at least one day
	NotFound      []string // resolved on no day
	Mappings      []SymbolMapping

	// RecordCount is a field of version 1 that readers ignore; nil if it is undefined. It is kept
	// so that a file that is read and written again has the same bytes.
	RecordCount *uint64
}

// SymbolMapping maps a requested symbol to what it resolved to, day by day.
type SymbolMapping struct {
	RawSymbol string // in StypeIn
	Intervals []MappingInterval
}

// MappingInterval is one interval of a mapping. Dates are in UTC, written as yyyymmdd; EndDate is
// exclusive.
type MappingInterval struct {
	StartDate, EndDate uint32
	Symbol             string // in StypeOut
}

const (
	preludeLen  = 8
	fixedLen    = 100
	datasetLen  = 16
	symbolLenV1 = 22
	symbolLen   = 71

	noRecordCount = ^uint64(0)
)

// ErrShortMetadata means that more bytes are needed; see MetadataLen.
var ErrShortMetadata = errors.New("dbn: metadata is cut off")

// MetadataLen reads the first 8 bytes of a stream and returns the size of the complete header in
// bytes, including these 8. It returns an error if they are not DBN.
func MetadataLen(b []byte) (int, error) {
	if len(b) < preludeLen {
		return 0, ErrShortMetadata
	}
	if string(b[:3]) != "DBN" {
		return 0, notDBN(b)
	}
	if b[3] == 0 || b[3] > Version {
		return 0, fmt.Errorf("dbn: version %d is not supported, only 1 to %d; a newer dbnloop may read it", b[3], Version)
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n < fixedLen {
		return 0, fmt.Errorf("dbn: metadata says it has %d bytes, the least is %d", n, fixedLen)
	}
	return preludeLen + int(n), nil
}

func notDBN(b []byte) error {
	switch {
	case len(b) >= 4 && binary.LittleEndian.Uint32(b) == zstdMagic:
		return errors.New("dbn: the data is zstd-compressed where plain DBN is expected")
	default:
		return fmt.Errorf("dbn: not DBN data: it begins with % x, not with \"DBN\"", b[:min(len(b), 8)])
	}
}

// DecodeMetadata reads a complete header from b and returns its size in bytes. It allocates
// nothing for a count that the bytes cannot hold.
func DecodeMetadata(b []byte) (Metadata, int, error) {
	total, err := MetadataLen(b)
	if err != nil {
		return Metadata{}, 0, err
	}
	if len(b) < total {
		return Metadata{}, 0, ErrShortMetadata
	}
	d := metadataReader{b: b[:total], pos: preludeLen}
	m := Metadata{Version: b[3]}
	m.Dataset = CStr(d.bytes(datasetLen))
	m.Schema = Schema(d.u16())
	m.Start = UnixNanos(d.u64())
	m.End = UnixNanos(d.u64())
	m.Limit = d.u64()
	if m.Version == 1 {
		if n := d.u64(); n != noRecordCount {
			m.RecordCount = &n
		}
	}
	m.StypeIn = SType(d.bytes(1)[0])
	m.StypeOut = SType(d.bytes(1)[0])
	m.TsOut = d.bytes(1)[0] != 0
	m.SymbolCstrLen = symbolLenV1
	if m.Version > 1 {
		m.SymbolCstrLen = int(d.u16())
	}
	d.pos = preludeLen + fixedLen
	if n := d.u32(); d.err == nil && n != 0 {
		return Metadata{}, 0, fmt.Errorf("dbn: metadata at byte %d: schema_definition_length is %d, only 0 is defined", d.pos-4, n)
	}
	m.Symbols = d.symbols(m.SymbolCstrLen)
	m.Partial = d.symbols(m.SymbolCstrLen)
	m.NotFound = d.symbols(m.SymbolCstrLen)
	m.Mappings = d.mappings(m.SymbolCstrLen)
	if d.err != nil {
		return Metadata{}, 0, d.err
	}
	return m, total, nil
}

// CanFollow returns nil if records with this header may follow records with the first header of
// the same input. Otherwise it returns the reason: a different dataset, schema or version, or a
// ts_out in only one of them.
func (m *Metadata) CanFollow(first *Metadata) error {
	if m.Version == first.Version && m.Dataset == first.Dataset && m.Schema == first.Schema && m.TsOut == first.TsOut {
		return nil
	}
	return fmt.Errorf("dbn: %s, which is not like %s: read them one by one", m.kind(), first.kind())
}

func (m *Metadata) kind() string {
	schema, tsOut := "mixed", ""
	if m.Schema != SchemaNone {
		schema = m.Schema.String()
	}
	if m.TsOut {
		tsOut = ", with ts_out"
	}
	return fmt.Sprintf("DBN version %d, dataset %q, schema %s%s", m.Version, m.Dataset, schema, tsOut)
}

// metadataReader reads fields until the first that the bytes do not hold.
type metadataReader struct {
	b   []byte
	pos int
	err error
}

var zeros [256]byte

func (d *metadataReader) bytes(n int) []byte {
	if d.err == nil && n > len(d.b)-d.pos {
		d.err = fmt.Errorf("dbn: metadata at byte %d: a field of %d bytes exceeds its end at %d", d.pos, n, len(d.b))
	}
	if d.err != nil {
		if n > len(zeros) {
			return nil
		}
		return zeros[:n]
	}
	out := d.b[d.pos : d.pos+n]
	d.pos += n
	return out
}

func (d *metadataReader) u16() uint16 { return binary.LittleEndian.Uint16(d.bytes(2)) }
func (d *metadataReader) u32() uint32 { return binary.LittleEndian.Uint32(d.bytes(4)) }
func (d *metadataReader) u64() uint64 { return binary.LittleEndian.Uint64(d.bytes(8)) }

// count reads a count of symbols or similar items, each of `length` bytes and `more`; 0 on an
// error. Symbols that are shorter than those of any version were never defined, and a small
// number from a peer would turn a small header into very many strings. Without symbols the length
// does not matter.
func (d *metadataReader) count(length, more int) int {
	size := length + more
	n := uint64(d.u32())
	if d.err == nil && n > 0 && length < symbolLenV1 {
		d.err = fmt.Errorf("dbn: metadata: symbol_cstr_len is %d, the least is %d", length, symbolLenV1)
	}
	if d.err == nil && n*uint64(size) > uint64(len(d.b)-d.pos) {
		d.err = fmt.Errorf("dbn: metadata at byte %d: %d items of %d bytes exceed its end at %d", d.pos-4, n, size, len(d.b))
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

func (d *metadataReader) symbols(size int) []string {
	n := d.count(size, 0)
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = CStr(d.bytes(size))
	}
	return out
}

func (d *metadataReader) mappings(size int) []SymbolMapping {
	n := d.count(size, 4)
	if n == 0 {
		return nil
	}
	out := make([]SymbolMapping, n)
	for i := range out {
		out[i].RawSymbol = CStr(d.bytes(size))
		k := d.count(size, 8)
		if k == 0 {
			continue
		}
		out[i].Intervals = make([]MappingInterval, k)
		for j := range out[i].Intervals {
			out[i].Intervals[j] = MappingInterval{d.u32(), d.u32(), CStr(d.bytes(size))}
		}
	}
	return out
}

// Append encodes the header in the layout of m.Version and appends it to dst.
func (m *Metadata) Append(dst []byte) ([]byte, error) {
	if m.Version < 1 || m.Version > Version {
		return dst, fmt.Errorf("dbn: metadata of version %d cannot be written, only 1 to %d", m.Version, Version)
	}
	size := symbolLen
	if m.Version == 1 {
		size = symbolLenV1
	}
	start := len(dst)
	w := metadataWriter{b: append(dst, 'D', 'B', 'N', m.Version, 0, 0, 0, 0), size: size}
	w.text("dataset", m.Dataset, datasetLen)
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(m.Schema))
	w.b = binary.LittleEndian.AppendUint64(w.b, uint64(m.Start))
	w.b = binary.LittleEndian.AppendUint64(w.b, uint64(m.End))
	w.b = binary.LittleEndian.AppendUint64(w.b, m.Limit)
	if m.Version == 1 {
		n := uint64(noRecordCount)
		if m.RecordCount != nil {
			n = *m.RecordCount
		}
		w.b = binary.LittleEndian.AppendUint64(w.b, n)
	}
	tsOut := byte(0)
	if m.TsOut {
		tsOut = 1
	}
	w.b = append(w.b, byte(m.StypeIn), byte(m.StypeOut), tsOut)
	if m.Version > 1 {
		w.b = binary.LittleEndian.AppendUint16(w.b, symbolLen)
	}
	w.b = append(w.b, make([]byte, start+preludeLen+fixedLen-len(w.b))...)
	w.u32(0) // schema_definition_length
	w.symbols("symbol", m.Symbols)
	w.symbols("partial symbol", m.Partial)
	w.symbols("symbol not found", m.NotFound)
	w.mappings(m.Mappings)
	if m.Version >= 3 { // records are aligned in the file
		w.b = append(w.b, make([]byte, (8-(len(w.b)-start)%8)%8)...)
	}
	if w.err != nil {
		return dst, w.err
	}
	binary.LittleEndian.PutUint32(w.b[start+4:], uint32(len(w.b)-start-preludeLen))
	return w.b, nil
}

type metadataWriter struct {
	b    []byte
	size int
	err  error
}

func (w *metadataWriter) u32(v uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, v) }

func (w *metadataWriter) text(what, text string, size int) {
	ok := len(text) < size
	for i := 0; ok && i < len(text); i++ {
		ok = text[i] > 0 && text[i] < 0x80
	}
	if !ok {
		if w.err == nil {
			w.err = fmt.Errorf("dbn: metadata: %s %q must be ASCII and shorter than %d bytes", what, text, size)
		}
		text = ""
	}
	w.b = append(w.b, text...)
	w.b = append(w.b, make([]byte, size-len(text))...)
}

func (w *metadataWriter) symbols(what string, list []string) {
	w.u32(uint32(len(list)))
	for _, s := range list {
		w.text(what, s, w.size)
	}
}

func (w *metadataWriter) mappings(list []SymbolMapping) {
	w.u32(uint32(len(list)))
	for _, m := range list {
		w.text("mapping", m.RawSymbol, w.size)
		w.u32(uint32(len(m.Intervals)))
		for _, i := range m.Intervals {
			w.u32(i.StartDate)
			w.u32(i.EndDate)
			w.text("mapped symbol", i.Symbol, w.size)
		}
	}
}

// Upgrade applies the policy to the header: it changes the version and the symbol length, and
// nothing else.
func (m *Metadata) Upgrade(policy UpgradePolicy) error {
	if err := checkUpgrade(m.Version, policy); err != nil {
		return err
	}
	if target := TargetVersion(m.Version, policy); target != m.Version {
		m.Version = target
		m.SymbolCstrLen = symbolLen
		m.RecordCount = nil
	}
	return nil
}

// checkUpgrade refuses a policy that would have to downgrade.
func checkUpgrade(version uint8, policy UpgradePolicy) error {
	if policy == UpgradeToV2 && version > 2 {
		return fmt.Errorf("dbn: data of version %d cannot be upgraded to version 2; use as-is or version 3", version)
	}
	return nil
}

// TargetVersion returns the version that records of an input version have under a policy.
func TargetVersion(version uint8, policy UpgradePolicy) uint8 {
	switch {
	case policy == UpgradeToV2 && version < 2:
		return 2
	case policy == UpgradeToV3 && version < 3:
		return 3
	}
	return version
}
