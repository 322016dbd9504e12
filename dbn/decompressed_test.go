package dbn_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// stage is what WithDecompressed puts between zstd and the records.
type stage struct {
	io.Reader
	closed int
}

func (s *stage) Close() error {
	s.closed++
	return nil
}

func TestAStageReadsWhatIsDecompressed(t *testing.T) {
	plain := benchStream(t, 10_000)
	var compressed bytes.Buffer
	decoder, err := dbn.NewDecoder(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := dbn.NewEncoder(&compressed, decoder.Metadata(), dbn.WithZstd(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := encoder.WriteBytes(plain[decoder.Offset():]); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := decodeAll(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range [][]byte{plain, compressed.Bytes()} {
		var stages []*stage
		d, err := dbn.NewDecoder(bytes.NewReader(input), dbn.WithDecompressed(func(r io.Reader) io.ReadCloser {
			stages = append(stages, &stage{Reader: r})
			return stages[0]
		}))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			r, err := d.Next()
			if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
				break
			}
			if err != nil || !bytes.Equal(r.Bytes(), []byte(want[n])) {
				t.Fatalf("record %d: %v", n, err)
			}
		}
		d.Close()
		switch isPlain := len(input) == len(plain); {
		case n != len(want):
			t.Errorf("%d records of %d", n, len(want))
		case isPlain && len(stages) != 0:
			t.Error("a plain input has a stage")
		case !isPlain && (len(stages) != 1 || stages[0].closed != 1):
			t.Errorf("%d stages, the first one closed %d times", len(stages), stages[0].closed)
		}
	}
}
