package output

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// beginColumnar begins a file of trades, with some of the sample data's records in it.
func beginColumnar(t *testing.T, o *Output, schemas ...dbn.Schema) *columnarSink {
	t.Helper()
	m, records := samples.Records(t, dbn.SchemaTrades)
	s := NewSink(o, schemas, nil).(*columnarSink)
	if err := s.Begin(m); err != nil {
		t.Fatal(err)
	}
	for _, r := range records[:50] {
		if err := s.Record(r, "ESZ6", true); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func rowsOf(t *testing.T, path string) int64 {
	t.Helper()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.NumRows()
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAColumnarFileIsCompleteOrNotThere(t *testing.T) {
	for _, format := range []Format{Parquet, Arrow} {
		t.Run(format.String(), func(t *testing.T) {
			dir := t.TempDir()
			o := &Output{Settings: Settings{Path: filepath.Join(dir, "x"), Format: format}}
			s := beginColumnar(t, o, dbn.SchemaTrades)
			if diff := cmp.Diff([]string{"x.part"}, filesIn(t, dir)); diff != "" {
				t.Error(diff)
			}
			s.files[0].dest.w = fullDisk{}
			if err := s.Close(); err == nil || !strings.Contains(err.Error(), "cannot write to "+o.Path+": no space left on device") || !o.Short() {
				t.Errorf("%v, short %t", err, o.Short())
			}
			if left := filesIn(t, dir); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// What a signal cut off keeps the name of a part, and can be read.
func TestAColumnarFileThatWasCutIsAPart(t *testing.T) {
	dir := t.TempDir()
	o := &Output{Settings: Settings{Path: filepath.Join(dir, "x.parquet"), Format: Parquet, Whole: true}}
	s := beginColumnar(t, o, dbn.SchemaTrades)
	o.Cut(true, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x.parquet.part"}, filesIn(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	if rows := rowsOf(t, o.Path+".part"); rows != 50 {
		t.Errorf("%d rows", rows)
	}
}

func TestEachSchemaHasAFile(t *testing.T) {
	dir := t.TempDir()
	o := &Output{Settings: Settings{Path: filepath.Join(dir, "day.1.parquet"), Format: Parquet}}
	s := beginColumnar(t, o) // of any schema
	_, bars := samples.Records(t, dbn.SchemaOhlcv1S)
	for _, r := range bars[:7] {
		if err := s.Record(r, "", false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"day.1.ohlcv-1s.parquet", "day.1.trades.parquet"}, filesIn(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	if rows := rowsOf(t, filepath.Join(dir, "day.1.ohlcv-1s.parquet")); rows != 7 {
		t.Errorf("%d bars", rows)
	}
	// Records of tbbo and mbp-1 are of one type: the schema that was asked for names the file.
	o = &Output{Settings: Settings{Path: filepath.Join(dir, "q.parquet"), Format: Parquet}}
	s = beginColumnar(t, o, dbn.SchemaTrades, dbn.SchemaTbbo)
	_, quotes := samples.Records(t, dbn.SchemaMbp1)
	if err := s.Record(quotes[0], "", false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "q.tbbo.parquet")); err != nil {
		t.Error(err)
	}
}

func TestAColumnarFileHoldsOneSchema(t *testing.T) {
	o := &Output{Settings: Settings{Path: filepath.Join(t.TempDir(), "x.parquet"), Format: Parquet}}
	s := beginColumnar(t, o, dbn.SchemaTrades)
	defer s.Close()
	_, bars := samples.Records(t, dbn.SchemaOhlcv1S)
	if err := s.Record(bars[0], "", false); err == nil || !strings.Contains(err.Error(), "does not fit into the Parquet's columns") {
		t.Errorf("%v", err)
	}
	var out bytes.Buffer
	if err := NewSink(&Output{Settings: Settings{Format: Arrow}}, nil, &out).Begin(new(dbn.Metadata)); err == nil {
		t.Error("several schemas on standard output")
	}
}
