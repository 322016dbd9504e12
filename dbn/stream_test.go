package dbn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
)

func testMetadata(version uint8, tsOut bool) dbn.Metadata {
	length := 71
	if version == 1 {
		length = 22
	}
	return dbn.Metadata{
		Version: version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone, Start: 1, End: 2, Limit: 3,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, TsOut: tsOut, SymbolCstrLen: length,
		Symbols: []string{"ESZ6", "NQZ6"}, Partial: []string{"CLF7"}, NotFound: []string{"X"},
		Mappings: []dbn.SymbolMapping{{RawSymbol: "ESZ6", Intervals: []dbn.MappingInterval{
			{StartDate: 20261101, EndDate: 20261115, Symbol: "1"}, {StartDate: 20261120, EndDate: 20261201, Symbol: "2"},
		}}},
	}
}

// testRecords holds one record of each type that differs between versions, and some that
// do not, in the layout of a version.
func testRecords(version uint8, tsOut bool) []byte {
	var out []byte
	add := func(hd *dbn.RecordHeader, size uintptr, rtype dbn.RType) {
		hd.RType, hd.InstrumentID, hd.TsEvent = rtype, 7, 8
		hd.Length = uint8(size / 4)
		if tsOut {
			hd.Length += 2
		}
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(hd)), size)...)
		if tsOut {
			out = append(out, 1, 2, 3, 4, 5, 6, 7, 8)
		}
	}
	mbo := dbn.MboMsg{OrderID: 9, Price: 10, Size: 11, Action: 'A', Side: 'B'}
	add(&mbo.Hd, unsafe.Sizeof(mbo), dbn.RTypeMbo)
	add(&mbo.Hd, unsafe.Sizeof(mbo), dbn.RTypeMbo)
	switch version {
	case 1:
		def := dbn.InstrumentDefMsgV1{StrikePrice: 5, RawInstrumentID: 6}
		copy(def.RawSymbol[:], "ESZ6")
		copy(def.Asset[:], "ES")
		add(&def.Hd, unsafe.Sizeof(def), dbn.RTypeInstrumentDef)
		system := dbn.SystemMsgV1{}
		copy(system.Msg[:], "Heartbeat")
		add(&system.Hd, unsafe.Sizeof(system), dbn.RTypeSystem)
		failure := dbn.ErrorMsgV1{}
		copy(failure.Err[:], "Internal error")
		add(&failure.Hd, unsafe.Sizeof(failure), dbn.RTypeError)
		mapping := dbn.SymbolMappingMsgV1{StartTs: 1, EndTs: 2}
		copy(mapping.StypeInSymbol[:], "ES.FUT")
		copy(mapping.StypeOutSymbol[:], "ESZ6")
		add(&mapping.Hd, unsafe.Sizeof(mapping), dbn.RTypeSymbolMapping)
	case 2:
		def := dbn.InstrumentDefMsgV2{StrikePrice: 5, RawInstrumentID: 6}
		copy(def.RawSymbol[:], "ESZ6")
		copy(def.Asset[:], "ES")
		add(&def.Hd, unsafe.Sizeof(def), dbn.RTypeInstrumentDef)
	default:
		def := dbn.InstrumentDefMsg{StrikePrice: 5, RawInstrumentID: 6}
		copy(def.RawSymbol[:], "ESZ6")
		copy(def.Asset[:], "ES")
		add(&def.Hd, unsafe.Sizeof(def), dbn.RTypeInstrumentDef)
	}
	if version < 3 {
		stat := dbn.StatMsgV1{Price: 3, Quantity: dbn.UndefStatQuantityV1}
		add(&stat.Hd, unsafe.Sizeof(stat), dbn.RTypeStatistics)
	} else {
		stat := dbn.StatMsg{Price: 3, Quantity: dbn.UndefStatQuantity}
		add(&stat.Hd, unsafe.Sizeof(stat), dbn.RTypeStatistics)
	}
	add(&mbo.Hd, unsafe.Sizeof(mbo), dbn.RTypeMbo)
	return out
}

func testStream(t testing.TB, version uint8, tsOut bool) []byte {
	t.Helper()
	m := testMetadata(version, tsOut)
	header, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(header, testRecords(version, tsOut)...)
}

// decodeAll gives the bytes of every record, one by one, and the error after them.
func decodeAll(r io.Reader, opts ...dbn.DecoderOption) ([]string, error) {
	return decodeWith(r, nextOne, opts...)
}

// decodeBoth is decodeAll, and reads the content in runs as well, which must give the same.
func decodeBoth(content []byte, opts ...dbn.DecoderOption) ([]string, error) {
	records, err := decodeAll(bytes.NewReader(content), opts...)
	runs, runsErr := decodeWith(bytes.NewReader(content), (*dbn.Decoder).NextRun, opts...)
	if !cmp.Equal(runs, records) || fmt.Sprint(runsErr) != fmt.Sprint(err) {
		return records, fmt.Errorf("in runs: %d records and %v; one by one: %d and %v", len(runs), runsErr, len(records), err)
	}
	return records, err
}

func nextOne(d *dbn.Decoder) (dbn.Run, error) {
	r, err := d.Next()
	return dbn.Run{First: r, Count: 1}, err
}

func decodeWith(r io.Reader, next func(*dbn.Decoder) (dbn.Run, error), opts ...dbn.DecoderOption) (records []string, err error) {
	d, err := dbn.NewDecoder(r, opts...)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for {
		run, err := next(d)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		for r := range run.Records() {
			records = append(records, string(r.Bytes()))
		}
	}
}

func TestMetadataRoundTrips(t *testing.T) {
	for version := uint8(1); version <= 3; version++ {
		want := testMetadata(version, true)
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := dbn.DecodeMetadata(append(b, "behind"...))
		if err != nil || n != len(b) {
			t.Fatalf("v%d: took %d of %d: %v", version, n, len(b), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("v%d:\n%s", version, diff)
		}
		for cut := range len(b) {
			if _, _, err := dbn.DecodeMetadata(b[:cut]); err == nil {
				t.Fatalf("v%d cut at %d is accepted", version, cut)
			}
		}
	}
}

func TestHostileMetadataIsRefused(t *testing.T) {
	good := testMetadata(3, false)
	b, _ := good.Append(nil)
	for at := 112; at < len(b); at += 4 {
		bad := bytes.Clone(b)
		copy(bad[at:], "\xff\xff\xff\xff")
		dbn.DecodeMetadata(bad) // no panic, no huge allocation
	}
	cases := map[string]func(b []byte){
		"symbol count": func(b []byte) { copy(b[112:], "\xff\xff\xff\xff") },
		"version 4":    func(b []byte) { b[3] = 4 },
		"version 0":    func(b []byte) { b[3] = 0 },
		"magic":        func(b []byte) { b[0] = 'X' },
		"short length": func(b []byte) { copy(b[4:], "\x01\x00\x00\x00") },
		"definition":   func(b []byte) { b[108] = 1 },
		"no symbols":   func(b []byte) { b[53], b[54] = 0, 0 },
		"tiny symbols": func(b []byte) { b[53], b[54] = 21, 0 },
	}
	for name, spoil := range cases {
		bad := bytes.Clone(b)
		spoil(bad)
		if _, _, err := dbn.DecodeMetadata(bad); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	huge := bytes.Clone(b)
	copy(huge[4:], "\xff\xff\xff\x7f")
	if _, err := decodeAll(bytes.NewReader(huge)); err == nil || !strings.Contains(err.Error(), "exceeds the limit of 268435456 bytes") {
		t.Errorf("a huge header: %v", err)
	}
	if _, err := decodeAll(bytes.NewReader(huge), dbn.WithMaxMetadata(1<<32)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a huge header that is not there: %v", err)
	}
	long := good
	long.Symbols = []string{strings.Repeat("x", 71)}
	if _, err := long.Append(nil); err == nil {
		t.Error("a symbol of 71 characters is written")
	}
}

func TestDecoderGivesTheSameHoweverTheInputComes(t *testing.T) {
	for version := uint8(1); version <= 3; version++ {
		for _, tsOut := range []bool{false, true} {
			for _, policy := range []dbn.UpgradePolicy{dbn.AsIs, dbn.UpgradeToV2, dbn.UpgradeToV3} {
				name := fmt.Sprintf("v%d ts_out=%v %v", version, tsOut, policy)
				stream := testStream(t, version, tsOut)
				want, err := decodeBoth(stream, dbn.WithUpgrade(policy))
				if policy == dbn.UpgradeToV2 && version == 3 {
					if err == nil {
						t.Errorf("%s is accepted", name)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for how, r := range map[string]io.Reader{
					"one byte": iotest.OneByteReader(bytes.NewReader(stream)),
					"half":     iotest.HalfReader(bytes.NewReader(stream)),
					"data+err": iotest.DataErrReader(bytes.NewReader(stream)),
				} {
					got, err := decodeAll(r, dbn.WithUpgrade(policy))
					if err != nil || !cmp.Equal(got, want) {
						t.Errorf("%s, %s: %d records, want %d: %v", name, how, len(got), len(want), err)
					}
				}
				if policy == dbn.AsIs && strings.Join(want, "") != string(testRecords(version, tsOut)) {
					t.Errorf("%s changes bytes", name)
				}
				if tsOut {
					for i, r := range want {
						if !strings.HasSuffix(r, "\x01\x02\x03\x04\x05\x06\x07\x08") {
							t.Errorf("%s: record %d lost its ts_out", name, i)
						}
					}
				}
			}
		}
	}
}

func TestARunHasWhatIsAlikeAndWasRead(t *testing.T) {
	for _, tsOut := range []bool{false, true} {
		m := testMetadata(3, tsOut)
		stream, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for range 3 { // each begins with two records of a type, and ends with one of it
			all = append(all, testRecords(3, tsOut)...)
		}
		d, err := dbn.NewDecoder(bytes.NewReader(append(stream, all...)))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var got []byte
		longest := 0
		for {
			at := d.Offset()
			run, err := d.NextRun()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, run.Bytes()...)
			longest = max(longest, run.Count)
			if d.Offset() != at+int64(len(run.Bytes())) {
				t.Errorf("offset %d after %d bytes at %d", d.Offset(), len(run.Bytes()), at)
			}
			first := run.First.Header()
			for i := range run.Count {
				if hd := run.At(i).Header(); hd.RType != first.RType || hd.Length != first.Length {
					t.Errorf("a %s of %d words in a run of %s", hd.RType, hd.Length, first.RType)
				}
			}
			if part := run.Slice(run.Count-1, run.Count); part.Count != 1 || part.First != run.At(run.Count-1) {
				t.Errorf("the last of %d is %v", run.Count, part)
			}
		}
		if !bytes.Equal(got, all) || longest != 3 {
			t.Errorf("ts_out=%v: %d bytes of %d, the longest run has %d", tsOut, len(got), len(all), longest)
		}
	}
}

func TestATruncatedStreamGivesEveryWholeRecordThenAnError(t *testing.T) {
	stream := testStream(t, 3, false)
	whole, err := decodeAll(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	headerLen := len(stream) - len(strings.Join(whole, ""))
	ends := map[int]int{headerLen: 0}
	at := headerLen
	for i, r := range whole {
		at += len(r)
		ends[at] = i + 1
	}
	for cut := range len(stream) {
		got, err := decodeBoth(stream[:cut])
		if n, clean := ends[cut]; clean {
			if err != nil || len(got) != n {
				t.Errorf("cut at %d: %d records, %v", cut, len(got), err)
			}
			continue
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if !strings.HasPrefix(strings.Join(whole, ""), strings.Join(got, "")) {
			t.Fatalf("cut at %d: records that were not there", cut)
		}
	}
}

func TestAnyFlippedByteNeitherCrashesNorHangs(t *testing.T) {
	stream := testStream(t, 1, false)
	for i := range stream {
		bad := bytes.Clone(stream)
		bad[i] ^= 0xFF
		decodeAll(bytes.NewReader(bad))
	}
}

func TestZstd(t *testing.T) {
	var file bytes.Buffer
	m := testMetadata(3, false)
	e, err := dbn.NewEncoder(&file, &m, dbn.WithZstd(100)) // a frame every other record
	if err != nil {
		t.Fatal(err)
	}
	want, _ := decodeAll(bytes.NewReader(testStream(t, 3, false)))
	for _, r := range want {
		if err := e.WriteBytes([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	compressed := file.Bytes()
	if n := bytes.Count(compressed, []byte{0x28, 0xB5, 0x2F, 0xFD}); n < 3 {
		t.Errorf("%d frames", n)
	}
	got, err := decodeAll(bytes.NewReader(compressed))
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%d records, want %d: %v", len(got), len(want), err)
	}
	skippable := append([]byte{0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 'a', 'b', 'c', 'd'}, compressed...)
	if got, err := decodeAll(bytes.NewReader(skippable)); err != nil || len(got) != len(want) {
		t.Errorf("behind a skippable frame: %d records: %v", len(got), err)
	}
	if _, err := decodeAll(bytes.NewReader(compressed[:len(compressed)-3])); err == nil {
		t.Error("a truncated frame is accepted")
	}
	dbz := append([]byte{0x51, 0x2A, 0x4D, 0x18, 0xB0, 0, 0, 0}, "DBZ\x01"...)
	if _, err := decodeAll(bytes.NewReader(dbz)); err == nil || !strings.Contains(err.Error(), "DBZ") {
		t.Errorf("legacy DBZ: %v", err)
	}
}

func TestAFragmentThatCannotBecomeVersion2IsRefused(t *testing.T) {
	for version := uint8(1); version <= 3; version++ {
		_, err := decodeAll(bytes.NewReader(testRecords(version, false)), dbn.WithFragment(version, false), dbn.WithUpgrade(dbn.UpgradeToV2))
		if refused := err != nil && strings.Contains(err.Error(), "cannot be upgraded to version 2"); refused != (version == 3) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// The gateway's messages of version 1 had no codes; their texts had.
func TestMessagesOfVersion1GetTheirCodes(t *testing.T) {
	up := dbn.NewUpgrader(1, false, dbn.UpgradeToV3)
	for text, want := range map[string]dbn.SystemCode{
		"Heartbeat": dbn.SystemCodeHeartbeat, "End of interval for ohlcv-1s": dbn.SystemCodeEndOfInterval,
		"Subscription request 1 for mbo data succeeded": dbn.SystemCodeSubscriptionAck,
		"Subscription request 1 failed":                 dbn.SystemCodeUnset,
		"Warning: slow reading, 5 s behind":             dbn.SystemCodeSlowReaderWarning,
		"Finished trades replay":                        dbn.SystemCodeReplayCompleted, "Finished trades": dbn.SystemCodeUnset,
		// One space begins and ends it.
		"Subscription request succeeded": dbn.SystemCodeSubscriptionAck, "Finished replay": dbn.SystemCodeReplayCompleted,
		"": dbn.SystemCodeUnset, "Heartbeat" + strings.Repeat("x", 55): dbn.SystemCodeUnset, // no NUL
	} {
		in := dbn.SystemMsgV1{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.SystemMsgV1{}) / 4), RType: dbn.RTypeSystem}}
		copy(in.Msg[:], text)
		if m, ok := dbn.As[dbn.SystemMsg](up.Upgrade(dbn.Ref(&in.Hd))); !ok || m.Code != want || dbn.CStr(m.Msg[:]) != text {
			t.Errorf("system %q: %v, want %v", text, m.Code, want)
		}
	}
	for text, want := range map[string]dbn.ErrorCode{
		"User or API key deactivated":                  dbn.ErrorCodeAPIKeyDeactivated,
		"User has reached their open connection limit": dbn.ErrorCodeConnectionLimitExceeded,
		"Failed to resolve symbol ABC":                 dbn.ErrorCodeSymbolResolutionFailed,
		"Internal error":                               dbn.ErrorCodeInternalError, "Internal error.": dbn.ErrorCodeUnset,
		"Slow client detected for session": dbn.ErrorCodeSkippedRecordsAfterSlowReading,
		"user or api key deactivated":      dbn.ErrorCodeUnset, "": dbn.ErrorCodeUnset,
	} {
		in := dbn.ErrorMsgV1{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.ErrorMsgV1{}) / 4), RType: dbn.RTypeError}}
		copy(in.Err[:], text)
		if m, ok := dbn.As[dbn.ErrorMsg](up.Upgrade(dbn.Ref(&in.Hd))); !ok || m.Code != want || m.IsLast != 255 {
			t.Errorf("error %q: %v, want %v", text, m.Code, want)
		}
	}
}

func TestHostileRecordLengths(t *testing.T) {
	for _, length := range []byte{0, 1, 3} {
		stream := append(testStream(t, 3, false), length, 0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		whole, _ := decodeAll(bytes.NewReader(testStream(t, 3, false)))
		got, err := decodeAll(bytes.NewReader(stream))
		var fault *dbn.DecodeError
		if !errors.As(err, &fault) || fault.Offset != int64(len(stream)-16) || len(got) != len(whole) {
			t.Errorf("length %d: %d records, %v", length, len(got), err)
		}
	}
}

func TestOddRecordsStayAligned(t *testing.T) {
	odd := make([]byte, 20)
	odd[0], odd[1] = 5, 0xEE
	m := testMetadata(3, false)
	stream, _ := m.Append(nil)
	stream = append(append(append(stream, odd...), testRecords(3, false)...), odd...)
	d, err := dbn.NewDecoder(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		run, err := d.NextRun()
		if err != nil {
			break
		}
		for r := range run.Records() {
			if uintptr(r.Pointer())%8 != 0 {
				t.Fatalf("record %d is not aligned", n)
			}
			n++
		}
	}
	if n != 7 {
		t.Errorf("%d records", n)
	}
}

func TestUpgradeFillsWhatIsNew(t *testing.T) {
	for version := uint8(1); version <= 2; version++ {
		d, err := dbn.NewDecoder(bytes.NewReader(testStream(t, version, false)))
		if err != nil {
			t.Fatal(err)
		}
		if m := d.Metadata(); m.Version != 3 || m.SymbolCstrLen != 71 {
			t.Errorf("metadata %+v", m)
		}
		seen := map[dbn.RType]bool{}
		for {
			r, err := d.Next()
			if err != nil {
				break
			}
			seen[r.RType()] = true
			switch r.RType() {
			case dbn.RTypeInstrumentDef:
				m, ok := dbn.As[dbn.InstrumentDefMsg](r)
				if !ok || m.StrikePrice != 5 || m.RawInstrumentID != 6 || m.RawSymbolString() != "ESZ6" ||
					m.AssetString() != "ES" || m.LegPrice != dbn.UndefPrice || m.LegSide != dbn.SideNone || m.LegCount != 0 {
					t.Errorf("v%d: definition %+v", version, m)
				}
			case dbn.RTypeStatistics:
				m, ok := dbn.As[dbn.StatMsg](r)
				if !ok || m.Quantity != dbn.UndefStatQuantity || m.Price != 3 {
					t.Errorf("v%d: statistics %+v", version, m)
				}
			case dbn.RTypeSystem:
				if m, ok := dbn.As[dbn.SystemMsg](r); !ok || m.Code != dbn.SystemCodeHeartbeat {
					t.Errorf("v%d: system %+v", version, m)
				}
			case dbn.RTypeError:
				if m, ok := dbn.As[dbn.ErrorMsg](r); !ok || m.Code != dbn.ErrorCodeInternalError || m.IsLast != 255 {
					t.Errorf("v%d: error %+v", version, m)
				}
			case dbn.RTypeSymbolMapping:
				if m, ok := dbn.As[dbn.SymbolMappingMsg](r); !ok || m.StypeIn != dbn.STypeNone || m.StypeOutSymbolString() != "ESZ6" {
					t.Errorf("v%d: mapping %+v", version, m)
				}
			}
		}
		if !seen[dbn.RTypeInstrumentDef] || !seen[dbn.RTypeStatistics] {
			t.Errorf("v%d: records are missing: %v", version, seen)
		}
	}
}
