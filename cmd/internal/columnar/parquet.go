package columnar

import (
	"bytes"
	"encoding/base64"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	// zstdLevel is that of the official tool.
	zstdLevel = 3
	// pageSize bounds the pages of columns without a dictionary.
	pageSize = 1 << 20
	// batchSize is how many values the encoders take at once.
	batchSize = 1 << 13
)

// parquetFile writes rows as a Parquet file, a row group for the rows of each call.
type parquetFile struct {
	w         io.Writer
	layout    *layout
	encodings []encoding
	file      *file.Writer // nil: the first rows have not come
	scratch   []*scratch   // of the goroutines
}

// open begins the file, for whose columns the first rows choose the encodings.
func (p *parquetFile) open(first *rows) (err error) {
	p.encodings = chooseEncodings(first)
	for range max(1, min(runtime.GOMAXPROCS(0), len(p.layout.columns))) {
		p.scratch = append(p.scratch, newScratch())
	}
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithDataPageSize(pageSize), parquet.WithBatchSize(batchSize),
		parquet.WithCreatedBy("dbn-tail, with parquet-go version " + arrow.PkgVersion),
	}
	if p.layout.options.Zstd {
		options = append(options, parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(zstdLevel))
	}
	for i, c := range p.layout.columns {
		options = append(options, parquet.WithDictionaryFor(c.name, p.encodings[i] == dictionaryCoded))
		if p.encodings[i] == deltaCoded {
			options = append(options, parquet.WithEncodingFor(c.name, parquet.Encodings.DeltaBinaryPacked))
		}
	}
	root, err := p.layout.parquetSchema()
	if err != nil {
		return err
	}
	p.file, err = file.NewParquetWriterWithError(p.w, root,
		file.WithWriterProps(parquet.NewWriterProperties(options...)), file.WithWriteMetadata(p.layout.keyValues()))
	return err
}

// write writes the rows as one row group.
func (p *parquetFile) write(g *rows) error {
	if p.file == nil {
		if err := p.open(g); err != nil {
			return err
		}
	}
	group, err := p.file.AppendBufferedRowGroupChecked()
	if err != nil {
		return err
	}
	err = p.each(func(i int, s *scratch) error {
		w, err := group.Column(i)
		if err != nil {
			return err
		}
		return s.encode(w, g, i, p.encodings[i])
	})
	if err != nil {
		return err
	}
	return group.Close()
}

// each calls f for every column, with as many goroutines as there are processors.
func (p *parquetFile) each(f func(column int, s *scratch) error) error {
	var next atomic.Int32
	errs := make([]error, len(p.scratch))
	work := func(worker int) {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(p.layout.columns) || errs[worker] != nil {
				return
			}
			errs[worker] = f(i, p.scratch[worker])
		}
	}
	var ended sync.WaitGroup
	for worker := range p.scratch[1:] {
		ended.Go(func() { work(worker + 1) })
	}
	work(0)
	ended.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// close writes what makes the file complete. A file without rows has its columns, too.
func (p *parquetFile) close(empty *rows) error {
	if p.file == nil {
		if err := p.open(empty); err != nil {
			return err
		}
	}
	return p.file.Close()
}

// keyValues are those of the Arrow schema, and that schema itself: readers that know Arrow find
// the metadata of the fields there.
func (l *layout) keyValues() metadata.KeyValueMetadata {
	kv := metadata.NewKeyValueMetadata()
	own := l.schema.Metadata()
	for i, key := range own.Keys() {
		kv.Append(key, own.Values()[i]) //nolint:errcheck // what is written is UTF-8
	}
	var stream bytes.Buffer
	ipc.NewWriter(&stream, ipc.WithSchema(l.schema)).Close()                     //nolint:errcheck // into memory
	kv.Append("ARROW:schema", base64.StdEncoding.EncodeToString(stream.Bytes())) //nolint:errcheck // it is ASCII
	return kv
}

func (l *layout) parquetSchema() (*schema.GroupNode, error) {
	var fields schema.FieldList
	for i := range l.columns {
		c := &l.columns[i]
		repetition := parquet.Repetitions.Required
		if c.nullable() {
			repetition = parquet.Repetitions.Optional
		}
		physical, logical := c.parquetType()
		node, err := schema.NewPrimitiveNodeLogical(c.name, repetition, logical, physical, -1, -1)
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
	}
	return schema.NewGroupNode("arrow_schema", parquet.Repetitions.Required, fields, -1)
}

// parquetType is the type by which Parquet stores a column, and the one that this stands for.
func (c *column) parquetType() (parquet.Type, schema.LogicalType) {
	switch c.kind {
	case dbn.ColumnU8, dbn.ColumnU16, dbn.ColumnU32:
		return parquet.Types.Int32, schema.NewIntLogicalType(int8(8*c.width), false)
	case dbn.ColumnI8, dbn.ColumnI16:
		return parquet.Types.Int32, schema.NewIntLogicalType(int8(8*c.width), true)
	case dbn.ColumnI32:
		return parquet.Types.Int32, schema.NoLogicalType{}
	case dbn.ColumnU64:
		return parquet.Types.Int64, schema.NewIntLogicalType(64, false)
	case dbn.ColumnI64:
		return parquet.Types.Int64, schema.NoLogicalType{}
	case dbn.ColumnPrice:
		if c.pretty {
			return parquet.Types.Double, schema.NoLogicalType{}
		}
		return parquet.Types.Int64, schema.NoLogicalType{}
	case dbn.ColumnTime:
		return parquet.Types.Int64, schema.NewTimestampLogicalType(true, schema.TimeUnitNanos)
	}
	return parquet.Types.ByteArray, schema.StringLogicalType{}
}
