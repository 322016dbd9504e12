package columnar

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// null is how tests write a value that is not there.
const null = "(null)"

// table is what a reader finds in a file: the text of each value, column by column.
type table struct {
	names  []string
	values [][]string
	groups []int64 // rows in each row group or record batch
}

func openParquet(t *testing.T, data []byte) *file.Reader {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func readParquet(t *testing.T, data []byte) (got table) {
	t.Helper()
	r := openParquet(t, data)
	columns := r.MetaData().Schema
	got.values = make([][]string, columns.NumColumns())
	for i := range columns.NumColumns() {
		got.names = append(got.names, columns.Column(i).Name())
	}
	for g := range r.NumRowGroups() {
		group := r.RowGroup(g)
		got.groups = append(got.groups, group.NumRows())
		for i := range got.values {
			chunk, err := group.Column(i)
			if err != nil {
				t.Fatal(err)
			}
			got.values[i] = append(got.values[i], chunkTexts(t, chunk, int(group.NumRows()))...)
		}
	}
	return got
}

func chunkTexts(t *testing.T, chunk file.ColumnChunkReader, rows int) []string {
	t.Helper()
	unsigned := false
	if logical, ok := chunk.Descriptor().LogicalType().(schema.IntLogicalType); ok {
		unsigned = !logical.IsSigned()
	}
	switch chunk := chunk.(type) {
	case *file.Int32ColumnChunkReader:
		return readChunk(t, chunk, rows, func(v int32) string {
			if unsigned {
				return strconv.FormatUint(uint64(uint32(v)), 10)
			}
			return strconv.FormatInt(int64(v), 10)
		})
	case *file.Int64ColumnChunkReader:
		return readChunk(t, chunk, rows, func(v int64) string {
			if unsigned {
				return strconv.FormatUint(uint64(v), 10)
			}
			return strconv.FormatInt(v, 10)
		})
	case *file.Float64ColumnChunkReader:
		return readChunk(t, chunk, rows, floatText)
	case *file.ByteArrayColumnChunkReader:
		return readChunk(t, chunk, rows, func(v parquet.ByteArray) string { return string(v) })
	}
	t.Fatalf("column of %T", chunk)
	return nil
}

func floatText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func readChunk[T any](t *testing.T, chunk interface {
	file.ColumnChunkReader
	ReadBatch(most int64, values []T, defined, repeated []int16) (int64, int, error)
}, rows int, text func(T) string,
) (texts []string) {
	t.Helper()
	values, defined := make([]T, rows), make([]int16, rows)
	for len(texts) < rows {
		total, _, err := chunk.ReadBatch(int64(rows), values, defined, nil)
		if err != nil || total == 0 {
			t.Fatalf("%s: %d rows of %d, %v", chunk.Descriptor().Name(), len(texts), rows, err)
		}
		next := 0
		for i := range total {
			if chunk.Descriptor().MaxDefinitionLevel() == 1 && defined[i] == 0 {
				texts = append(texts, null)
				continue
			}
			texts = append(texts, text(values[next]))
			next++
		}
	}
	return texts
}

func readArrow(t *testing.T, data []byte) (got table, read *arrow.Schema) {
	t.Helper()
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got.add(r.Schema())
	for i := range r.NumRecords() {
		batch, err := r.RecordBatch(i)
		if err != nil {
			t.Fatal(err)
		}
		got.addBatch(batch)
	}
	return got, r.Schema()
}

func readArrowStream(t *testing.T, data []byte) (got table) {
	t.Helper()
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	got.add(r.Schema())
	for r.Next() {
		got.addBatch(r.RecordBatch())
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return got
}

func (got *table) add(s *arrow.Schema) {
	for _, field := range s.Fields() {
		got.names = append(got.names, field.Name)
	}
	got.values = make([][]string, len(got.names))
}

func (got *table) addBatch(batch arrow.RecordBatch) {
	got.groups = append(got.groups, batch.NumRows())
	for i, column := range batch.Columns() {
		for row := range column.Len() {
			got.values[i] = append(got.values[i], arrayText(column, row))
		}
	}
}

func arrayText(column arrow.Array, row int) string {
	if column.IsNull(row) {
		return null
	}
	switch column := column.(type) {
	case *array.Timestamp:
		return strconv.FormatInt(int64(column.Value(row)), 10)
	case *array.Float64:
		return floatText(column.Value(row))
	case *array.String:
		return column.Value(row)
	}
	return fmt.Sprint(column.GetOneForMarshal(row))
}
