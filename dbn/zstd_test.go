package dbn_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// compressedTrades is a file of n trades in frames of so many bytes, 0: in one.
func compressedTrades(t *testing.T, n, frame int) []byte {
	t.Helper()
	var file bytes.Buffer
	e, err := dbn.NewEncoder(&file, &dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades}, dbn.WithZstd(frame))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 48 / 4, RType: dbn.RTypeMbp0}, Price: dbn.Price(i * i * 12345), Sequence: uint32(i)}
		if err := e.Write(dbn.Ref(&trade.Hd)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestACutOrWrongChecksumCostsNoRecord(t *testing.T) {
	for _, frame := range []int{0, 48 * 100} {
		file := compressedTrades(t, 500, frame)
		for cut := 1; cut <= 4; cut++ {
			got, err := decodeAll(bytes.NewReader(file[:len(file)-cut]))
			if len(got) != 500 || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "inside a frame") {
				t.Errorf("%d bytes less: %d records, %v", cut, len(got), err)
			}
			bad := bytes.Clone(file)
			bad[len(bad)-cut] ^= 1
			got, err = decodeAll(bytes.NewReader(bad))
			if len(got) != 500 || err == nil || !strings.Contains(err.Error(), "checksum is wrong") {
				t.Errorf("byte %d from the end: %d records, %v", cut, len(got), err)
			}
		}
	}
}

func TestEveryBlockBeforeAFaultCounts(t *testing.T) {
	const perFrame = 100
	file := compressedTrades(t, 500, 48*perFrame)
	whole := testRecordsOf(t, file)
	var begins []int
	for at := range file {
		if bytes.HasPrefix(file[at:], []byte{0x28, 0xB5, 0x2F, 0xFD}) {
			begins = append(begins, at)
		}
	}
	if len(begins) < 5 {
		t.Fatalf("%d frames", len(begins))
	}
	for cut := range file {
		ended, _ := slices.BinarySearch(begins, cut)
		got, err := decodeAll(bytes.NewReader(file[:cut]))
		if least := (ended - 2) * perFrame; len(got) < least || !slices.Equal(got, whole[:len(got)]) {
			t.Fatalf("cut at %d: %d records, want %d: %v", cut, len(got), least, err)
		}
	}
}

func TestFrameSizesAndWindowsAreChecked(t *testing.T) {
	file := compressedTrades(t, 20, 0)
	header := file[4]
	if header&(1<<5) == 0 || header>>6 == 0 {
		t.Skip("the encoder writes no frame size: nothing to spoil")
	}
	bad := bytes.Clone(file)
	bad[5]++
	got, err := decodeAll(bytes.NewReader(bad))
	if err == nil || !strings.Contains(err.Error(), "its header says") || len(got) != 20 {
		t.Errorf("a wrong frame size: %d records, %v", len(got), err)
	}
	window := []byte{0x28, 0xB5, 0x2F, 0xFD, 0, 0xFF, 1, 0, 0}
	if _, err := decodeAll(bytes.NewReader(window)); err == nil || !strings.Contains(err.Error(), "the limit is 128 MiB") {
		t.Errorf("a huge window: %v", err)
	}
}
