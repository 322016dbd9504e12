package e2e

import (
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// scriptColumns checks the rows and the schema of a Parquet or Arrow file: columns FILE ROWS SCHEMA. It
// reads the file to its end; with - any rows will do.
func scriptColumns(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: columns FILE ROWS SCHEMA")
	}
	rows := parquetRows
	if !strings.HasSuffix(args[0], ".parquet") {
		rows = arrowRows
	}
	got, metadata, err := rows(ts.MkAbs(args[0]))
	ts.Check(err)
	if want := args[1]; want != "-" && strconv.FormatInt(got, 10) != want || got == 0 {
		ts.Fatalf("%s has %d rows, want %s", args[0], got, want)
	}
	if !strings.Contains(metadata, `"schema":"`+args[2]+`"`) {
		ts.Fatalf("%s has the metadata %s", args[0], metadata)
	}
}

func parquetRows(path string) (rows int64, metadata string, err error) {
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	for i := range r.NumRowGroups() {
		group := r.RowGroup(i)
		for c := range group.NumColumns() {
			pages, err := group.GetColumnPageReader(c)
			if err != nil {
				return 0, "", err
			}
			for pages.Next() {
			}
			if pages.Err() != nil {
				return 0, "", pages.Err()
			}
		}
		rows += group.NumRows()
	}
	if value := r.MetaData().KeyValueMetadata().FindValue("databento:metadata"); value != nil {
		metadata = *value
	}
	return rows, metadata, nil
}

func arrowRows(path string) (rows int64, metadata string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	r, err := ipc.NewFileReader(in)
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	for i := range r.NumRecords() {
		batch, err := r.RecordBatch(i)
		if err != nil {
			return 0, "", err
		}
		rows += batch.NumRows()
	}
	metadata, _ = r.Schema().Metadata().GetValue("databento:metadata")
	return rows, metadata, nil
}
