package dbnloop_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
)

// sampleBytes is a file of trades, split after its metadata.
func sampleBytes(t *testing.T) (header, records []byte) {
	t.Helper()
	metadata, records := simtest.SampleFile(t, dbn.SchemaTrades.String())
	header, err := metadata.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return header, records
}

func newStreamEnd(t *testing.T) *dbnloop.StreamEnd {
	t.Helper()
	end, err := dbnloop.NewStreamEnd()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	return end
}

func positionOf(t *testing.T, pieces ...[]byte) []byte {
	t.Helper()
	end := newStreamEnd(t)
	for _, piece := range pieces {
		if n, err := end.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("Write of %d bytes: %d, %v", len(piece), n, err)
		}
	}
	position, err := end.Position()
	if err != nil {
		t.Fatal(err)
	}
	return position
}

// However a file is cut into pieces, its position is the same.
func TestTheEndOfAStreamIsFoundInAnyPieces(t *testing.T) {
	header, raw := sampleBytes(t)
	want := positionOf(t, header, raw)
	for _, size := range []int{1, 7, 1000, 65536} {
		end := newStreamEnd(t)
		for all := append(bytes.Clone(header), raw...); len(all) > 0; {
			n := min(size, len(all))
			if _, err := end.Write(all[:n]); err != nil {
				t.Fatal(err)
			}
			all = all[n:]
		}
		position, err := end.Position()
		if err != nil || !bytes.Equal(position, want) {
			t.Errorf("pieces of %d bytes: %v, another position", size, err)
		}
		if end.Complete() != int64(len(header)+len(raw)) {
			t.Errorf("pieces of %d bytes: %d complete, want %d", size, end.Complete(), len(header)+len(raw))
		}
	}
}

// A file that was cut anywhere in its last record ends where that record begins.
func TestTheEndOfAStreamPrecedesARecordThatWasCut(t *testing.T) {
	header, raw := sampleBytes(t)
	last := int(raw[0]) * 4 // trades have one size
	raw = raw[:10*last]
	before := positionOf(t, header, raw[:9*last])
	for cut := 1; cut < last; cut++ {
		end := newStreamEnd(t)
		if _, err := end.Write(append(bytes.Clone(header), raw[:9*last+cut]...)); err != nil {
			t.Fatal(err)
		}
		if end.Records() != 9 || end.Complete() != int64(len(header)+9*last) {
			t.Errorf("%d bytes of the record: %d records in %d bytes", cut, end.Records(), end.Complete())
		}
		if position, err := end.Position(); err != nil || !bytes.Equal(position, before) {
			t.Errorf("%d bytes of the record: %v, %s", cut, err, hex.EncodeToString(position))
		}
	}
}

func TestWhatHasNoEndOfAStream(t *testing.T) {
	header, _ := sampleBytes(t)
	end := newStreamEnd(t)
	if _, err := end.Write(header[:len(header)-1]); err != nil {
		t.Fatal(err)
	}
	if _, err := end.Position(); !errors.Is(err, dbnloop.ErrInvalidState) || end.Complete() != 0 {
		t.Errorf("without complete metadata: %v, %d bytes", err, end.Complete())
	}
	if _, err := newStreamEnd(t).Write([]byte("ts_recv,ts_event,rtype\n")); !errors.Is(err, dbnloop.ErrParse) {
		t.Errorf("CSV: %v", err)
	}
	if _, err := end.Write(header[len(header)-1:]); err != nil {
		t.Fatal(err)
	}
	if _, err := end.Position(); err != nil || end.Records() != 0 || end.Complete() != int64(len(header)) {
		t.Errorf("metadata alone: %v, %d records, %d bytes", err, end.Records(), end.Complete())
	}
}

func TestAStreamEndAfterClose(t *testing.T) {
	header, raw := sampleBytes(t)
	end := newStreamEnd(t)
	if _, err := end.Write(append(bytes.Clone(header), raw...)); err != nil || end.Records() == 0 {
		t.Fatal(err, end.Records())
	}
	for range 2 {
		if err := end.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := end.Write(header); n != 0 || !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Write: %d, %v", n, err)
	}
	if _, err := end.Position(); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Position: %v", err)
	}
	if end.Complete() != 0 || end.Records() != 0 {
		t.Errorf("%d bytes, %d records", end.Complete(), end.Records())
	}
}
