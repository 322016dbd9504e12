package dbn_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

// The seeds run in every `go test`; `make fuzz` looks for more.

// In pieces a stream is what it is as a whole, to its last whole record.
func FuzzDecoder(f *testing.F) {
	f.Cleanup(dbn.ShrinkDecoders())
	for version := uint8(1); version <= 3; version++ {
		f.Add(testStream(f, version, version != 3))
	}
	f.Add([]byte("DBN\x03"))
	f.Add([]byte("DBN\x02\x64\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, _ := decodeAll(bytes.NewReader(b), dbn.WithMaxMetadata(1<<20))
		runs, _ := decodeWith(bytes.NewReader(b), (*dbn.Decoder).NextRun, dbn.WithMaxMetadata(1<<20))
		if !cmp.Equal(whole, runs) {
			t.Fatalf("%d records one by one, %d in runs", len(whole), len(runs))
		}
		cut, _ := decodeAll(iotest.OneByteReader(bytes.NewReader(b)), dbn.WithMaxMetadata(1<<20))
		if !cmp.Equal(whole, cut) {
			t.Fatalf("%d records at once, %d byte by byte", len(whole), len(cut))
		}
	})
}

// What decodes can be encoded again, unless a string does not fit, and is then the same.
func FuzzMetadata(f *testing.F) {
	for version := uint8(1); version <= 3; version++ {
		m := testMetadata(version, true)
		header, err := m.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, n, err := dbn.DecodeMetadata(b)
		if err != nil {
			return
		}
		if n > len(b) {
			t.Fatalf("took %d of %d bytes", n, len(b))
		}
		encoded, err := m.Append(nil)
		if err != nil {
			return
		}
		again, n, err := dbn.DecodeMetadata(encoded)
		if err != nil || n != len(encoded) {
			t.Fatalf("encoded again: %d of %d bytes, %v", n, len(encoded), err)
		}
		m.SymbolCstrLen = again.SymbolCstrLen // the encoder writes its own
		if diff := cmp.Diff(m, again); diff != "" {
			t.Error(diff)
		}
		checkSymbolMap(t, &m)
	})
}

// checkSymbolMap compares the map with a search through the header.
func checkSymbolMap(t *testing.T, m *dbn.Metadata) {
	symbols, err := dbn.TsSymbolMapOf(m)
	if err != nil || m.StypeOut != dbn.STypeInstrumentID {
		return
	}
	for _, mapping := range m.Mappings {
		for _, at := range mapping.Intervals {
			for _, date := range []uint32{at.StartDate, at.EndDate, at.EndDate - 1} {
				want, known := searchSymbol(m, at.Symbol, date)
				var id dbn.RecordHeader
				if json.Unmarshal([]byte(at.Symbol), &id.InstrumentID) != nil {
					continue // "007" is a number, but none of JSON
				}
				if got, ok := symbols.Symbol(id.InstrumentID, date); got != want || ok != known {
					t.Fatalf("%s on %d is %q, %v; want %q, %v", at.Symbol, date, got, ok, want, known)
				}
			}
		}
	}
}

// searchSymbol is the last mapping in the header that covers the date.
func searchSymbol(m *dbn.Metadata, id string, date uint32) (symbol string, ok bool) {
	for _, mapping := range m.Mappings {
		for _, at := range mapping.Intervals {
			if strings.TrimLeft(at.Symbol, "0") == strings.TrimLeft(id, "0") && at.Symbol != "" && at.StartDate <= date && date < at.EndDate {
				symbol, ok = mapping.RawSymbol, true
			}
		}
	}
	return symbol, ok
}

// Compressed data is what it was; what only claims to be compressed gives no more than an
// error, and the same in pieces.
func FuzzZstd(f *testing.F) {
	f.Cleanup(dbn.ShrinkDecoders())
	zw, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)) // some MB: made once
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { zw.Close() })
	f.Add(testStream(f, 3, false), uint16(64))
	f.Add(testStream(f, 1, true), uint16(0))
	f.Add(compressed(zw, testStream(f, 2, false), 100), uint16(1))
	f.Add([]byte("\x50\x2A\x4D\x18\x08\x00\x00\x00DBZ\x01"), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, frame uint16) {
		plain, plainErr := decodeAll(bytes.NewReader(b), dbn.WithMaxMetadata(1<<20))
		cut, cutErr := decodeAll(iotest.OneByteReader(bytes.NewReader(b)), dbn.WithMaxMetadata(1<<20))
		if !cmp.Equal(plain, cut) || (plainErr == nil) != (cutErr == nil) {
			t.Fatalf("%d records, %v; byte by byte %d, %v", len(plain), plainErr, len(cut), cutErr)
		}
		if !bytes.HasPrefix(b, []byte("DBN")) {
			return // it may be compressed itself
		}
		again, err := decodeAll(bytes.NewReader(compressed(zw, b, int(frame))), dbn.WithMaxMetadata(1<<20))
		if !cmp.Equal(plain, again) || (plainErr == nil) != (err == nil) {
			t.Fatalf("%d records, %v; compressed %d, %v", len(plain), plainErr, len(again), err)
		}
	})
}

// compressed makes zstd frames of this many bytes; 0: one.
func compressed(zw *zstd.Encoder, b []byte, frame int) []byte {
	if frame == 0 {
		return zw.EncodeAll(b, nil)
	}
	var out []byte
	for piece := range slices.Chunk(b, max(frame, len(b)/64+1)) {
		out = zw.EncodeAll(piece, out)
	}
	return out
}

// Upgrading in two steps is upgrading in one; no record is lost on the way.
func FuzzUpgrade(f *testing.F) {
	f.Cleanup(dbn.ShrinkDecoders())
	for version := uint8(1); version <= 2; version++ {
		f.Add(testRecords(version, false), version, false)
		f.Add(testRecords(version, true), version, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, version uint8, tsOut bool) {
		version = version%2 + 1
		upgraded := func(b []byte, version uint8, policy dbn.UpgradePolicy) []string {
			records, _ := decodeAll(bytes.NewReader(b), dbn.WithFragment(version, tsOut), dbn.WithUpgrade(policy))
			return records
		}
		asIs := upgraded(b, version, dbn.AsIs)
		v2 := upgraded(b, version, dbn.UpgradeToV2)
		v3 := upgraded(b, version, dbn.UpgradeToV3)
		if len(asIs) != len(v2) || len(asIs) != len(v3) {
			t.Fatalf("%d records as they are, %d in version 2, %d in version 3", len(asIs), len(v2), len(v3))
		}
		if diff := cmp.Diff(v3, upgraded([]byte(strings.Join(v2, "")), 2, dbn.UpgradeToV3)); diff != "" {
			t.Errorf("in two steps: %s", diff)
		}
	})
}

// aligned views bytes as a record; false when they are not one.
func aligned(b []byte) (dbn.Record, bool) {
	words := make([]uint64, (len(b)+7)/8+1)
	copied := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(b))
	copy(copied, b)
	r, err := dbn.RecordOf(copied)
	return r, err == nil
}

var escapes = regexp.MustCompile(`\\.`)

// withoutCharEscapes takes away what the official tool writes into single characters, but
// JSON does not know: \' and \xHH.
func withoutCharEscapes(text []byte) []byte {
	return escapes.ReplaceAllFunc(text, func(escape []byte) []byte {
		if escape[1] == 'x' || escape[1] == '\'' {
			return []byte("?")
		}
		return escape
	})
}

// The text of any record is one valid JSON object, and one CSV row of as many fields as the
// header has.
func FuzzText(f *testing.F) {
	for version := uint8(1); version <= 3; version++ {
		for b := testRecords(version, version == 2); len(b) > 0; b = b[4*int(b[0]):] {
			f.Add(b[:4*int(b[0])], "ES\"Z6", uint8(version*5))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, symbol string, flags uint8) {
		r, ok := aligned(b)
		if !ok {
			return
		}
		columns := dbn.ColumnsOf(r)
		o := &dbn.TextOptions{Pretty: flags&1 != 0, TsOut: flags&2 != 0, MapSymbol: flags&4 != 0, Exact: flags&16 != 0}
		valid := func(text []byte) bool {
			if o.Exact {
				return json.Valid(withoutCharEscapes(text))
			}
			return json.Valid(text) && utf8.Valid(text)
		}
		text := dbn.AppendJSON(nil, r, columns, symbol, flags&8 != 0, o)
		if !valid(text) || bytes.ContainsAny(text, "\n\r") {
			t.Errorf("no line of JSON: %q", text)
		}
		if indented := dbn.AppendIndented(nil, text); !valid(indented) {
			t.Errorf("no JSON, indented: %q", indented)
		}
		if len(columns) == 0 {
			return
		}
		rows := dbn.AppendCSV(dbn.AppendCSVHeader(nil, columns, o), r, columns, symbol, o)
		fields, err := csv.NewReader(bytes.NewReader(rows)).ReadAll() // refuses rows of other lengths
		if err != nil || len(fields) != 2 {
			t.Errorf("%d rows of CSV, %v: %q", len(fields), err, rows)
		}
	})
}

// A merge has every record of its streams, each stream's in order, until one cannot be read.
func FuzzMerge(f *testing.F) {
	f.Cleanup(dbn.ShrinkDecoders())
	f.Add(testRecords(3, false), testRecords(3, false))
	f.Add(testRecords(3, false)[:100], []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		inputs := [][]byte{a, b}
		var decoders []*dbn.Decoder
		var left [][]string
		whole := true
		for _, in := range inputs {
			d, err := dbn.NewDecoder(bytes.NewReader(in), dbn.WithFragment(3, false))
			if err != nil {
				return
			}
			defer d.Close()
			decoders = append(decoders, d)
			records, err := decodeAll(bytes.NewReader(in), dbn.WithFragment(3, false))
			left, whole = append(left, records), whole && err == nil
		}
		merger := dbn.NewMerger(decoders...)
		for {
			r, err := merger.Next()
			if err != nil {
				if whole != errors.Is(err, io.EOF) || whole && len(left[0])+len(left[1]) > 0 {
					t.Fatalf("ends with %v; left are %d and %d", err, len(left[0]), len(left[1]))
				}
				return
			}
			// Of equal records that of the first stream comes first.
			from := slices.IndexFunc(left, func(l []string) bool { return len(l) > 0 && l[0] == string(r.Bytes()) })
			if from < 0 {
				t.Fatalf("a record that is the next of no stream: % x", r.Bytes())
			}
			left[from] = left[from][1:]
		}
	})
}

// Times and prices are what their text says; the text of an enum's value is that value.
func FuzzValues(f *testing.F) {
	f.Add(uint64(1795444200000000001), "mbp-1")
	f.Add(uint64(951782400000000000), "raw_symbol")
	f.Add(uint64(1)<<63, "native")
	f.Add(^uint64(0)-1, "B")
	f.Fuzz(func(t *testing.T, number uint64, text string) {
		if at := dbn.UnixNanos(number); !at.IsUndef() {
			parsed, err := time.Parse(time.RFC3339Nano, at.String())
			if err != nil || !parsed.Equal(at.Time()) || dbn.UnixNanosOf(parsed) != at {
				t.Errorf("%d is %s, which is %d, %v", number, at, dbn.UnixNanosOf(parsed), err)
			}
			if date := strings.ReplaceAll(at.String()[:10], "-", ""); date != strconv.FormatUint(uint64(dbn.DateOf(at)), 10) {
				t.Errorf("%s is on %d", at, dbn.DateOf(at))
			}
		}
		if price := dbn.Price(number); !price.IsUndef() {
			again, err := strconv.ParseInt(strings.Replace(price.String(), ".", "", 1), 10, 64)
			if err != nil || again != int64(price) {
				t.Errorf("%d is %s, %v", price, price, err)
			}
		}
		parses(t, text, dbn.ParseSchema)
		parses(t, text, dbn.ParseSType)
		parses(t, text, dbn.ParseEncoding)
		parses(t, text, dbn.ParseCompression)
		parses(t, text, dbn.ParseRType)
		parses(t, text, dbn.ParseSide)
		parses(t, text, dbn.ParseAction)
	})
}

func parses[E interface {
	comparable
	String() string
}](t *testing.T, text string, parse func(string) (E, error)) {
	value, err := parse(text)
	if err != nil {
		return
	}
	if again, err := parse(value.String()); err != nil || again != value {
		t.Errorf("%q is %v, which is %v, %v", text, value, again, err)
	}
}

func TestTimesBehindAllTimesAreTheLast(t *testing.T) {
	for text, want := range map[string]dbn.UnixNanos{
		"1969-12-31T23:59:59.999999999Z": 0,
		"1970-01-01T00:00:00.000000001Z": 1,
		"2262-04-11T23:47:16.854775808Z": 1 << 63,
		"2554-07-21T23:34:33.709551614Z": dbn.UndefTimestamp - 1,
		"2554-07-21T23:34:33.709551615Z": dbn.UndefTimestamp - 1,
		"9999-12-31T00:00:00Z":           dbn.UndefTimestamp - 1,
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := dbn.UnixNanosOf(at); got != want {
			t.Errorf("%s is %d, want %d", text, uint64(got), uint64(want))
		}
	}
}
