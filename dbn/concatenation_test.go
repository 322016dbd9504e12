package dbn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

func streamWithSymbol(t *testing.T, version uint8, tsOut bool, symbol string) []byte {
	t.Helper()
	m := testMetadata(version, tsOut)
	m.Symbols = []string{symbol}
	header, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(header, testRecords(version, tsOut)...)
}

func zstdFrame(t *testing.T, b []byte) []byte {
	t.Helper()
	zw, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zw.Close()
	return zw.EncodeAll(b, nil)
}

func TestStreamsThatFollowEachOtherAreReadOn(t *testing.T) {
	t.Cleanup(dbn.ShrinkDecoders())
	for version := uint8(1); version <= 3; version++ {
		for _, tsOut := range []bool{false, true} {
			one, two := streamWithSymbol(t, version, tsOut, "ONE"), streamWithSymbol(t, version, tsOut, "TWO")
			want, err := decodeAll(bytes.NewReader(one))
			if err != nil {
				t.Fatal(err)
			}
			n := len(want)
			want = append(want, want...)
			for how, r := range map[string]io.Reader{
				"plain":           bytes.NewReader(slices.Concat(one, two)),
				"byte by byte":    iotest.OneByteReader(bytes.NewReader(slices.Concat(one, two))),
				"one frame":       bytes.NewReader(zstdFrame(t, slices.Concat(one, two))),
				"two frames":      bytes.NewReader(slices.Concat(zstdFrame(t, one), zstdFrame(t, two))),
				"within a header": bytes.NewReader(slices.Concat(zstdFrame(t, slices.Concat(one, two[:50])), zstdFrame(t, two[50:]))),
			} {
				t.Run(fmt.Sprintf("v%d ts_out=%v %s", version, tsOut, how), func(t *testing.T) {
					var got, told []string
					d, err := dbn.NewDecoder(r, dbn.WithNextHeader(func(m *dbn.Metadata) { told = append(told, fmt.Sprint(len(got), m.Symbols)) }))
					if err != nil {
						t.Fatal(err)
					}
					defer d.Close()
					for {
						run, err := d.NextRun()
						if err == io.EOF {
							break
						}
						if err != nil {
							t.Fatal(err)
						}
						for rec := range run.Records() {
							got = append(got, string(rec.Bytes()))
						}
						if symbol := d.Metadata().Symbols[0]; (symbol == "ONE") != (len(got) <= n) {
							t.Fatalf("record %d has the header of %s", len(got), symbol)
						}
					}
					if diff := cmp.Diff([]string{fmt.Sprintf("%d [TWO]", n)}, told); diff != "" {
						t.Error(diff)
					}
					if !slices.Equal(got, want) || d.Offset() != int64(len(one)+len(two)) {
						t.Errorf("%d records, want %d; offset %d", len(got), len(want), d.Offset())
					}
				})
			}
		}
	}
}

func TestAStreamThatCannotFollowIsAnErrorThatSaysWhereItBegins(t *testing.T) {
	one := streamWithSymbol(t, 3, false, "ONE")
	n := len(testRecordsOf(t, one))
	other := func(change func(*dbn.Metadata)) []byte {
		m := testMetadata(3, false)
		change(&m)
		header, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(header, testRecords(m.Version, m.TsOut)...)
	}
	spoilt := func(at int, b byte) []byte {
		bad := bytes.Clone(one)
		bad[at] = b
		return bad
	}
	begins := fmt.Sprintf("at byte %d: another DBN stream begins: ", len(one))
	for name, test := range map[string]struct {
		next []byte
		want string
	}{
		"dataset":       {other(func(m *dbn.Metadata) { m.Dataset = "XNAS.ITCH" }), begins + `DBN version 3, dataset "XNAS.ITCH", schema mixed, which is not like DBN version 3, dataset "GLBX.MDP3"`},
		"schema":        {other(func(m *dbn.Metadata) { m.Schema = dbn.SchemaTrades }), begins + `DBN version 3, dataset "GLBX.MDP3", schema trades`},
		"version":       {other(func(m *dbn.Metadata) { m.Version = 2 }), begins + "DBN version 2"},
		"ts_out":        {other(func(m *dbn.Metadata) { m.TsOut = true }), "with ts_out, which is not like"},
		"a new version": {spoilt(3, 4), begins + "version 4 is not supported"},
		"large":         {spoilt(7, 0x40), begins + "metadata of "},
		"cut":           {one[:50], begins + "the input ended inside the DBN metadata, after 50 bytes"},
		"cut early":     {one[:7], begins + "the input ended inside the DBN metadata, after 7 bytes"},
		"zstd":          {zstdFrame(t, one), fmt.Sprintf("at byte %d: zstd-compressed data begins", len(one))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeAll(bytes.NewReader(slices.Concat(one, test.next)))
			var fault *dbn.DecodeError
			if !errors.As(err, &fault) || fault.Offset != int64(len(one)) || !strings.Contains(err.Error(), test.want) || len(got) != n {
				t.Errorf("%d records, %v; want %q", len(got), err, test.want)
			}
			if again, _ := dbn.NewDecoder(bytes.NewReader(slices.Concat(one, test.next))); again != nil {
				for range n {
					again.Next() //nolint:errcheck // the records before it
				}
				_, first := again.Next()
				_, second := again.Next()
				if first == nil || second == nil || first.Error() != second.Error() {
					t.Errorf("%v, then %v", first, second)
				}
			}
		})
	}
	got, err := decodeAll(bytes.NewReader(slices.Concat(zstdFrame(t, one), one)))
	if err == nil || !strings.Contains(err.Error(), "no zstd frame begins at compressed byte") || len(got) != n {
		t.Errorf("plain behind zstd: %d records, %v", len(got), err)
	}
}

func testRecordsOf(t *testing.T, stream []byte) []string {
	t.Helper()
	records, err := decodeAll(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestAHeaderInAFragmentIsAnError(t *testing.T) {
	one := streamWithSymbol(t, 3, false, "ONE")
	for _, test := range []struct {
		input []byte
		at    int64
	}{{one, 0}, {zstdFrame(t, one), 0}, {slices.Concat(testRecords(3, false), one), int64(len(testRecords(3, false)))}} {
		_, err := decodeAll(bytes.NewReader(test.input), dbn.WithFragment(3, false))
		var fault *dbn.DecodeError
		if !errors.As(err, &fault) || fault.Offset != test.at || !errors.Is(err, dbn.ErrHeaderInFragment) {
			t.Errorf("%v, want a header at byte %d", err, test.at)
		}
	}
}

// "DBN" and a version tell a header from a record; the rtype alone does not.
func TestRecordsThatResembleAHeaderAreRecords(t *testing.T) {
	m := testMetadata(3, false)
	stream, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, begin := range []string{"DBX\x03", "DBN\x00", "DB\x00\x03", "\x28\xB5\x2F\xFC"} {
		record := make([]byte, int(begin[0])*4)
		copy(record, begin)
		stream = append(stream, bytes.Repeat(record, 9)...)
		n += 9
	}
	if got := testRecordsOf(t, stream); len(got) != n {
		t.Errorf("%d records, want %d", len(got), n)
	}
	if got := testRecordsOf(t, slices.Concat(stream, stream)); len(got) != 2*n {
		t.Errorf("%d records, want %d", len(got), 2*n)
	}
}

func TestResumeAtContinuesInTheMidstOfAStream(t *testing.T) {
	one := streamWithSymbol(t, 1, true, "ONE")
	both := slices.Concat(one, streamWithSymbol(t, 1, true, "TWO"))
	want := testRecordsOf(t, both)
	d, err := dbn.NewDecoder(bytes.NewReader(both))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var at int64
	for range 3 {
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
		at = d.Offset()
	}
	for range 4 {
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
	}
	d.ResumeAt(bytes.NewReader(both[at:]), at)
	var got []string
	for {
		r, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(r.Bytes()))
	}
	if !slices.Equal(got, want[3:]) || d.Offset() != int64(len(both)) {
		t.Errorf("%d records, want %d; offset %d", len(got), len(want)-3, d.Offset())
	}
}

func TestMergedStreamsMayBeSeveralEach(t *testing.T) {
	one, two := streamWithSymbol(t, 3, false, "ONE"), streamWithSymbol(t, 3, false, "TWO")
	var decoders []*dbn.Decoder
	for range 2 {
		d, err := dbn.NewDecoder(bytes.NewReader(slices.Concat(one, two)))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		decoders = append(decoders, d)
	}
	merger, n := dbn.NewMerger(decoders...), 0
	for {
		_, err := merger.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if want := 4 * len(testRecordsOf(t, one)); n != want {
		t.Errorf("%d records, want %d", n, want)
	}
}

func TestMetadataWithoutSymbolsMayHaveAnySymbolLength(t *testing.T) {
	m := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades, StypeOut: dbn.STypeInstrumentID}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []byte{0, 1, 21} {
		b[53] = length
		got, _, err := dbn.DecodeMetadata(b)
		if err != nil || got.SymbolCstrLen != int(length) || got.Dataset != m.Dataset {
			t.Errorf("length %d: %+v, %v", length, got, err)
		}
	}
	m.Symbols = []string{"ESZ6"}
	if b, err = m.Append(nil); err != nil {
		t.Fatal(err)
	}
	b[53] = 21
	if _, _, err := dbn.DecodeMetadata(b); err == nil || !strings.Contains(err.Error(), "symbol_cstr_len is 21") {
		t.Errorf("with a symbol: %v", err)
	}
}

func TestMetadataAboveTheLimitSaysSo(t *testing.T) {
	m := testMetadata(3, false)
	for i := range 1000 {
		m.Symbols = append(m.Symbols, fmt.Sprint("S", i))
	}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dbn.NewDecoder(bytes.NewReader(b), dbn.WithMaxMetadata(len(b)-1))
	var size *dbn.MetadataSizeError
	if !errors.As(err, &size) || size.Size != len(b) || size.Limit != len(b)-1 {
		t.Errorf("%v", err)
	}
	if d, err := dbn.NewDecoder(bytes.NewReader(b), dbn.WithMaxMetadata(len(b))); err != nil || len(d.Metadata().Symbols) != len(m.Symbols) {
		t.Errorf("%v", err)
	}
}
