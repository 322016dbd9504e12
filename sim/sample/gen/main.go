// Command gen writes the sample data: a made-up trading session of a few futures, seen
// through every schema that the dataset has. It is deterministic: the same program
// writes the same records everywhere.
//
// Run it from the project's root: go run ./sim/sample/gen
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	dir := flag.String("o", "sim/sample/data", "directory to write to")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for _, f := range files {
		packed, err := compress(f.content)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, f.name())
		if err := os.WriteFile(path, packed, 0o644); err != nil {
			return err
		}
		fmt.Printf("%-24s %6d records %7d bytes\n", f.name(), f.records, len(packed))
	}
	return nil
}

// file is one schema's DBN file, not compressed yet.
type file struct {
	schema  dbn.Schema
	records int
	content []byte
}

func (f file) name() string { return f.schema.String() + ".dbn.zst" }

// generate simulates the session and returns its files.
func generate() ([]file, error) {
	views := newViews()
	simulate(views.observe)
	views.finish()
	var files []file
	for _, schema := range dbn.AllSchemas() {
		records := views.records[schema]
		if len(records) == 0 {
			continue
		}
		content, err := metadata(schema).Append(nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", schema, err)
		}
		files = append(files, file{schema, views.counts[schema], append(content, records...)})
	}
	return files, nil
}

// metadata is the header of one file: all instruments, mapped for the two days that the
// session touches.
func metadata(schema dbn.Schema) *dbn.Metadata {
	m := &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: schema,
		Start: sessionStart, End: sessionEnd,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
	for _, in := range instruments {
		m.Symbols = append(m.Symbols, in.symbol)
		m.Mappings = append(m.Mappings, dbn.SymbolMapping{
			RawSymbol: in.symbol,
			Intervals: []dbn.MappingInterval{{
				StartDate: dbn.DateOf(sessionStart), EndDate: dbn.DateOf(sessionStart + 24*hour),
				Symbol: fmt.Sprint(in.id),
			}},
		})
	}
	return m
}

func compress(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
