package survey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/dbn"
)

// written is a stream, and where its records end in the DBN.
type written struct {
	plain, compressed []byte
	header            int
	ends              []int // of the header, and of each record
	frames            []int // where the frames of compressed end
}

// write makes a small stream of records of two schemas, with a frame for each three records.
func write(t testing.TB) written {
	t.Helper()
	m, trades := samples.Records(t, dbn.SchemaTrades)
	_, mbo := samples.Records(t, dbn.SchemaMbo)
	mixed := *m
	mixed.Schema = dbn.SchemaNone
	var w written
	var plain, compressed bytes.Buffer
	e, err := dbn.NewEncoder(&plain, &mixed)
	if err != nil {
		t.Fatal(err)
	}
	z, err := dbn.NewEncoder(&compressed, &mixed, dbn.WithZstd(0))
	if err != nil {
		t.Fatal(err)
	}
	w.header = plain.Len()
	w.ends = []int{w.header}
	for i := range 6 {
		r := trades[i]
		if i%2 == 1 {
			r = mbo[i]
		}
		if err := errors.Join(e.Write(r), z.Write(r)); err != nil {
			t.Fatal(err)
		}
		w.ends = append(w.ends, plain.Len())
		if i%3 == 2 {
			if err := z.Flush(); err != nil {
				t.Fatal(err)
			}
			w.frames = append(w.frames, compressed.Len())
		}
	}
	w.plain, w.compressed = plain.Bytes(), compressed.Bytes()
	return w
}

// complete is the number of complete records in a prefix of the DBN, and where the last one ends.
func (w *written) complete(n int) (records uint64, end int) {
	for i, at := range w.ends {
		if at <= n {
			records, end = uint64(i), at
		}
	}
	return records, end
}

func TestEveryCutOfAPlainFileIsFoundWithItsPlace(t *testing.T) {
	w := write(t)
	for n := range w.plain {
		f := survey.Read(bytes.NewReader(w.plain[:n]), survey.Options{})
		records, end := w.complete(n)
		r := f.Report("x")
		if n == end && n > 0 { // between two records: nothing in the file shows the cut
			if !r.Complete || r.Records != records || r.DBNBytes != int64(end) {
				t.Errorf("%d bytes: %+v", n, r)
			}
			continue
		}
		if r.Complete || r.Fault.Kind != survey.Truncated || r.Records != records || r.DBNBytes != int64(end) || r.Bytes != int64(n) {
			t.Errorf("%d bytes: complete %t, fault %v, %d records up to byte %d, %d bytes in all; want %d up to %d",
				n, r.Complete, r.Fault, r.Records, r.DBNBytes, r.Bytes, records, end)
		}
		if !errors.Is(f.Fault, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v is not a cut", n, f.Fault)
		}
	}
}

func TestEveryCutOfACompressedFileIsFoundWithItsPlace(t *testing.T) {
	w := write(t)
	atFrame := map[int]uint64{w.frames[0]: 3}
	for n := range w.compressed {
		f := survey.Read(bytes.NewReader(w.compressed[:n]), survey.Options{})
		r := f.Report("x")
		if records, ok := atFrame[n]; ok {
			if !r.Complete || r.Records != records {
				t.Errorf("after a frame, %d bytes: %+v", n, r)
			}
			continue
		}
		if r.Complete || r.Fault.Kind != survey.Truncated || r.Bytes != int64(n) {
			t.Errorf("%d bytes: complete %t, fault %v, %d bytes in all", n, r.Complete, r.Fault, r.Bytes)
		}
		// What came before the cut are complete records, and their end is where they end.
		end := 0
		if r.Header != nil {
			end = w.ends[r.Records]
		}
		if r.DBNBytes != int64(end) {
			t.Errorf("%d bytes: %d records up to byte %d, want %d", n, r.Records, r.DBNBytes, end)
		}
		if n > w.frames[0] && r.Records < 3 {
			t.Errorf("%d bytes: %d records, but the first frame has 3", n, r.Records)
		}
	}
}

func TestEveryChangedByteOfACompressedFileIsAFaultOrHarmless(t *testing.T) {
	w := write(t)
	want := survey.Read(bytes.NewReader(w.compressed), survey.Options{Hash: true})
	for i := range w.compressed {
		changed := bytes.Clone(w.compressed)
		changed[i] ^= 0x41
		f := survey.Read(bytes.NewReader(changed), survey.Options{Hash: true})
		if bytes.Equal(f.SHA256, want.SHA256) {
			t.Fatalf("byte %d: the hash is the same", i)
		}
		if f.Bytes != int64(len(changed)) {
			t.Errorf("byte %d: %d of %d bytes were counted", i, f.Bytes, len(changed))
		}
		if sum := sha256.Sum256(changed); f.Report("x").SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("byte %d: the hash of a file at fault is not that of all its bytes", i)
		}
		if f.Fault == nil && f.Counter.Records != want.Counter.Records {
			t.Errorf("byte %d: complete, with %d records", i, f.Counter.Records)
		}
	}
}

func TestGarbageIsCorruptAndAFailureToReadIsNeither(t *testing.T) {
	w := write(t)
	for name, test := range map[string]struct {
		in   io.Reader
		kind string
	}{
		"text":                   {bytes.NewReader([]byte("ts_event,price\n1,2\n")), survey.Corrupt},
		"zeros after records":    {bytes.NewReader(append(bytes.Clone(w.plain), make([]byte, 64)...)), survey.Corrupt},
		"zeros after frames":     {bytes.NewReader(append(bytes.Clone(w.compressed), make([]byte, 64)...)), survey.Corrupt},
		"another version":        {bytes.NewReader([]byte("DBN\x09aaaaaaaa")), survey.Corrupt},
		"a zstd file of text":    {bytes.NewReader(zstdOf(t, []byte("hello, this is not DBN"))), survey.Corrupt},
		"a disk that cannot":     {io.MultiReader(bytes.NewReader(w.plain), iotest.ErrReader(errors.New("input/output error"))), survey.Unreadable},
		"a disk that cannot yet": {iotest.ErrReader(errors.New("input/output error")), survey.Unreadable},
	} {
		r := survey.Read(test.in, survey.Options{}).Report(name)
		if r.Complete || r.Fault.Kind != test.kind {
			t.Errorf("%s: %+v, want %s", name, r.Fault, test.kind)
		}
	}
}

func zstdOf(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := dbn.NewEncoder(&b, nil, dbn.WithZstd(0))
	if err == nil {
		err = errors.Join(e.WriteBytes(text), e.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is read in any pieces gives the same.
func TestTheCountsOfAFileDoNotDependOnItsPieces(t *testing.T) {
	w := write(t)
	for _, data := range [][]byte{w.plain, w.compressed, append(bytes.Clone(w.plain), w.plain...)} {
		want := survey.Read(bytes.NewReader(data), survey.Options{})
		got := survey.Read(iotest.OneByteReader(bytes.NewReader(data)), survey.Options{})
		if want.Fault != nil || got.Fault != nil || got.Counter.Records != want.Counter.Records || got.Complete != want.Complete {
			t.Errorf("%v, %v: %d and %d records", got.Fault, want.Fault, got.Counter.Records, want.Counter.Records)
		}
		n, fault := survey.Count(bytes.NewReader(data), survey.Options{})
		if n != want.Counter.Records || fault != nil {
			t.Errorf("Count gives %d, %v, want %d", n, fault, want.Counter.Records)
		}
	}
}
