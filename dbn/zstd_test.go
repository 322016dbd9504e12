package dbn_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

// compressedTrades is a file of n trades in frames of the given size in bytes, 0: in one.
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
	race.SkipOneGoroutine(t)
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
	if _, err := decodeAll(bytes.NewReader(window)); err == nil || !strings.Contains(err.Error(), "windows of up to 128 MiB") {
		t.Errorf("a huge window: %v", err)
	}
}

// inputsOfAllKinds are data that zstd codes in every way: literals stored, repeated and coded
// in one and four streams, lengths and offsets of all tables.
func inputsOfAllKinds(t testing.TB) map[string][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	noise, letters := make([]byte, 300_000), make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
		letters[i] = 'a' + byte(random.ExpFloat64()*2)%26
	}
	inputs := map[string][]byte{
		"nothing": nil, "a byte": {7}, "noise": noise, "letters": letters, "zeros": make([]byte, 400_000),
		"few letters": letters[:300], "repeats": bytes.Repeat(letters[:5_000], 60),
		"both": slices.Concat(noise[:9_000], letters[:90_000], noise[:9_000], letters[:90_000]),
	}
	samples, err := filepath.Glob(filepath.Join("..", "sim", "sample", "data", "*.zst"))
	if err != nil || len(samples) == 0 {
		t.Fatal("no sample data", err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	for _, path := range samples {
		compressed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if inputs[filepath.Base(path)], err = decoder.DecodeAll(compressed, nil); err != nil {
			t.Fatal(err)
		}
	}
	return inputs
}

func TestTheSecondDecoderAgreesOnSoundFrames(t *testing.T) {
	race.SkipOneGoroutine(t)
	for name, input := range inputsOfAllKinds(t) {
		for level := zstd.SpeedFastest; level <= zstd.SpeedBestCompression; level++ {
			zw, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(64<<10), zstd.WithSingleSegment(false))
			if err != nil {
				t.Fatal(err)
			}
			got, err := dbn.DecodeAsReference(zw.EncodeAll(input, nil))
			zw.Close()
			if len(input) > 0 && (err != nil || !bytes.Equal(got, input)) {
				t.Errorf("%s, level %v: %d bytes, want %d: %v", name, level, len(got), len(input), err)
			}
		}
	}
}

// The bit is in literals that are coded in four streams: a strict decoder refuses the block.
// They are read backwards, so the first bytes are among the last of a stream.
func TestAFlippedBitInLiteralsCostsNotTheBlock(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "sim", "sample", "data", "trades.dbn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	whole, refused := testRecordsOf(t, file), 0
	for at := 75; at < 475; at++ {
		bad := bytes.Clone(file)
		bad[at] ^= 1 << (at % 8)
		strict, err := zstd.NewReader(bytes.NewReader(bad), zstd.WithDecoderConcurrency(1), zstd.IgnoreChecksum(true))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, strict)
		strict.Close()
		if err == nil || !strings.Contains(err.Error(), "corruption detected") {
			continue
		}
		refused++
		if got, err := decodeAll(bytes.NewReader(bad)); len(got) != len(whole) || err == nil {
			t.Errorf("byte %d: %d records of %d, %v", at, len(got), len(whole), err)
		}
	}
	if refused < 20 {
		t.Errorf("only %d flips were refused", refused)
	}
}

// A frame that is too large to be decoded a second time loses the bad block, nothing else.
func TestOnlyTheBadBlockOfALargeFrameIsLost(t *testing.T) {
	race.SkipOneGoroutine(t)
	file := compressedTrades(t, 600_000, 0)
	whole := testRecordsOf(t, file)
	file[len(file)/2] ^= 0x10
	got, err := decodeAll(bytes.NewReader(file))
	if err == nil || len(got) < len(whole)/4 {
		t.Errorf("%d records of %d, %v", len(got), len(whole), err)
	}
	for i := range got[:len(whole)/4] {
		if got[i] != whole[i] {
			t.Fatalf("record %d is another one", i)
		}
	}
}

// Whatever the bytes are, decoding ends; where the strict decoder takes them, both agree.
func FuzzZstdBlocks(f *testing.F) {
	zw, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	defer zw.Close()
	for _, input := range inputsOfAllKinds(f) {
		f.Add(zw.EncodeAll(input[:min(len(input), 20_000)], nil))
	}
	strict, err := zstd.NewReader(nil, zstd.IgnoreChecksum(true), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(strict.Close)
	f.Cleanup(dbn.ShrinkDecoders())
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, gotErr := dbn.DecodeAsReference(frame)
		want, wantErr := strict.DecodeAll(frame, nil)
		if wantErr == nil && gotErr == nil && !bytes.HasPrefix(want, got) {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}
