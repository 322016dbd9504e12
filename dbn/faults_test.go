package dbn_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

// realStream is a real file, its records as they are, and where each begins (plain only).
type realStream struct {
	raw     []byte
	opts    []dbn.DecoderOption
	records []string
	begins  []int
	plain   bool
	checked bool // its compressed frames have checksums
}

// frameDescriptor is where a zstd frame says what it has; bit 2 is a checksum (RFC 8878).
const frameDescriptor = 4

func eachRealFile(t *testing.T, f func(t *testing.T, s *realStream)) {
	t.Cleanup(dbn.ShrinkDecoders())
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := &realStream{raw: raw, opts: append(fragmentOptions(filepath.Base(path)), dbn.WithUpgrade(dbn.AsIs))}
			s.plain = !strings.HasSuffix(path, ".zst")
			s.checked = !s.plain && raw[frameDescriptor]&4 != 0
			if s.records, err = decodeAll(bytes.NewReader(raw), s.opts...); err != nil {
				t.Fatal(err)
			}
			at := len(raw)
			for _, r := range slices.Backward(s.records) {
				at -= len(r)
				s.begins = append(s.begins, at)
			}
			slices.Reverse(s.begins)
			f(t, s)
		})
	}
}

// before is how many whole records end at or before an offset of a plain file.
func (s *realStream) before(offset int) int {
	n := 0
	for n < len(s.records) && s.begins[n]+len(s.records[n]) <= offset {
		n++
	}
	return n
}

func TestEveryFlippedByteOfRealFilesIsAnErrorOrADifference(t *testing.T) {
	race.SkipOneGoroutine(t)
	eachRealFile(t, func(t *testing.T, s *realStream) {
		bad := bytes.Clone(s.raw)
		for i := range s.raw {
			for _, flip := range []byte{0xFF, 0x01} {
				if flip == 0x01 && !s.plain {
					continue // zstd is not ours
				}
				bad[i] = s.raw[i] ^ flip
				got, err := decodeAll(bytes.NewReader(bad), s.opts...)
				bad[i] = s.raw[i]
				if s.checked && i >= frameDescriptor && err == nil && !slices.Equal(got, s.records) {
					t.Fatalf("byte %d ^ %#x: %d records, and not those of the file, without an error", i, flip, len(got))
				}
				if !s.plain || len(s.begins) == 0 || i < s.begins[0] {
					continue // that it ended, and not in a panic, is what was asked
				}
				k := s.before(i)
				if len(got) < k || !slices.Equal(got[:k], s.records[:k]) {
					t.Fatalf("byte %d ^ %#x: the %d records before it changed: %d came, %v", i, flip, k, len(got), err)
				}
				if err == nil && slices.Equal(got, s.records) {
					t.Fatalf("byte %d ^ %#x: nothing shows", i, flip)
				}
				var fault *dbn.DecodeError
				if err != nil && (!errors.As(err, &fault) || fault.Offset < int64(s.begins[k])) {
					t.Fatalf("byte %d ^ %#x: %v, which is no error at or behind %d", i, flip, err, s.begins[k])
				}
			}
		}
	})
}

func TestEveryTruncationOfRealFilesGivesTheWholeRecordsBeforeIt(t *testing.T) {
	race.SkipOneGoroutine(t)
	eachRealFile(t, func(t *testing.T, s *realStream) {
		for cut := range s.raw {
			got, err := decodeAll(bytes.NewReader(s.raw[:cut]), s.opts...)
			if len(got) > len(s.records) || !slices.Equal(got, s.records[:len(got)]) {
				t.Fatalf("cut at %d: records that were not there", cut)
			}
			if !s.plain || len(s.begins) == 0 || cut < s.begins[0] {
				// Nothing at all is a complete fragment; a frame's end is not a fault.
				if err == nil && cut > 0 && len(got) == 0 && len(s.records) > 0 && s.plain {
					t.Fatalf("cut at %d, inside the metadata, is not told", cut)
				}
				continue
			}
			k := s.before(cut)
			whole := k == len(s.records) || s.begins[k] == cut
			if len(got) != k || whole != (err == nil) || !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut at %d: %d records, want %d: %v", cut, len(got), k, err)
			}
		}
	})
}

func TestZstdThatIsCutOffIsTold(t *testing.T) {
	race.SkipOneGoroutine(t)
	eachRealFile(t, func(t *testing.T, s *realStream) {
		if s.plain {
			return
		}
		const frame = "\x28\xB5\x2F\xFD"
		for cut := 1; cut < len(s.raw); cut++ {
			// Between two frames of a fragment nothing is missing, as far as can be known.
			border := bytes.HasPrefix(s.raw[cut:], []byte(frame)) && strings.Contains(t.Name(), "multi-frame")
			if _, err := decodeAll(bytes.NewReader(s.raw[:cut]), s.opts...); (err == nil) != border {
				t.Fatalf("cut at %d of %d: %v", cut, len(s.raw), err)
			}
		}
	})
}

func TestTheRecordCountOfVersion1IsKept(t *testing.T) {
	count := uint64(0)
	for _, want := range []*uint64{nil, &count} {
		m := testMetadata(1, false)
		m.RecordCount = want
		b, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := dbn.DecodeMetadata(b)
		if err != nil || !cmp.Equal(got.RecordCount, want) {
			t.Errorf("%v, %v; want %v", got.RecordCount, err, want)
		}
		if err := got.Upgrade(dbn.UpgradeToV3); err != nil || got.RecordCount != nil {
			t.Errorf("upgraded: %v, %v", got.RecordCount, err)
		}
	}
}
