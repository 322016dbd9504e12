package simtest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// Decode reads a DBN stream as it is.
func Decode(t testing.TB, content []byte) (dbn.Metadata, []byte) {
	t.Helper()
	d, err := dbn.NewDecoder(bytes.NewReader(content), dbn.WithUpgrade(dbn.AsIs))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var records []byte
	for {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			return *d.Metadata(), records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec.Bytes()...)
	}
}

// Pick are the records among raw ones that the predicate wants. It may not keep them.
func Pick(raw []byte, want func(dbn.Record) bool) []byte {
	var picked []byte
	words := make([]uint64, 1024/8)
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 1024)
	for len(raw) > 0 {
		size := copy(buf, raw[:int(raw[0])*4])
		if rec, err := dbn.RecordOf(buf[:size]); err == nil && want(rec) {
			picked = append(picked, raw[:size]...)
		}
		raw = raw[size:]
	}
	return picked
}

// Time reads a time that a test writes in RFC 3339.
func Time(text string) dbn.UnixNanos {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err) // tests pass constants
	}
	return dbn.UnixNanosOf(at)
}

// RecordBytes is the memory of records, back to back.
func RecordBytes[T any](records []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*int(unsafe.Sizeof(*new(T))))
}

// SampleFile is the content of one of the sample files: its metadata and its records.
func SampleFile(t testing.TB, schema string) (dbn.Metadata, []byte) {
	t.Helper()
	packed, err := sample.Data.ReadFile("data/" + schema + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	return Decode(t, packed)
}
