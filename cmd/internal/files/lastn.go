package files

import (
	"bytes"
	"io"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// seek places a plain file so that at least the last records that were asked for are still
// to come; the stream's ring does the rest. It does nothing where records must be read from
// the beginning: several inputs, a pipe, zstd, a limit, a filter, standard input in the midst of a file.
func (run *fileRun) seek() error {
	in := run.inputs[0]
	if !run.sel.Tail || run.sel.Filter != nil || run.sel.Limit > 0 && !run.sel.Follow || len(run.inputs) > 1 || !in.regular || in.begins > 0 || in.metadata == nil {
		return nil
	}
	var magic [3]byte
	if _, err := in.file.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "DBN" {
		return nil //nolint:nilerr // not a plain file; the decoder has seen its head already
	}
	f := lastFinder{
		run: run, file: in.file, metadata: in.metadata, version: in.decoder.InputVersion(),
		begin: in.decoder.Offset(), end: in.size(), n: run.sel.Last,
	}
	at, known := f.bySize()
	if !known {
		var err error
		if at, err = f.byHeaders(); err != nil {
			return err
		}
	}
	if at <= f.begin {
		return nil
	}
	if _, err := in.file.Seek(at, io.SeekStart); err != nil {
		return err
	}
	in.decoder.ResumeAt(in, at)
	return nil
}

// lastFinder looks for the place where the last n wanted records of a plain file begin.
type lastFinder struct {
	run        *fileRun
	file       io.ReaderAt
	metadata   *dbn.Metadata
	version    uint8 // of the records in the file
	begin, end int64 // of the records
	n          uint64
	buf        []byte
	mappings   []placedMapping // that may yet be among the last records
}

// placedMapping is a symbol mapping and where it is in the file.
type placedMapping struct {
	at     int64
	record []uint64
}

// confirming is how many records before the end must look as expected before a place is
// believed without having walked there from the beginning.
const confirming = 4096

// walkSize is how many bytes are read at once.
const walkSize = 1 << 20

// bySize computes the place where all records are of one size: the schema's, in a file
// that is not mixed.
//
// From a true boundary on, records of the right size lead to true boundaries only. So if
// the last computed place is wrong, all of them are: every one of the 4096 places
// before the end would be the inside of a record that happens to have the length byte and
// the type of this schema there. In a shorter file the first place is the true beginning,
// and nothing is left to chance. Any place that looks otherwise sends to byHeaders.
func (f *lastFinder) bySize() (at int64, ok bool) {
	rtype, known := dbn.RTypeOf(f.metadata.Schema)
	if f.metadata.Schema == dbn.SchemaNone || !known || !f.run.stream.File.Wanted[rtype] {
		return 0, false
	}
	size := int64(dbn.SizeOf(rtype, f.version))
	if f.metadata.TsOut {
		size += 8
	}
	// A file that begins with the mappings of a live stream holds them among its records.
	if head, err := f.read(f.begin, 2); err != nil || len(head) == 2 && dbn.RType(head[1]) != rtype {
		return 0, false
	}
	count := (f.end - f.begin) / size
	first := max(0, count-int64(max(f.n, confirming)))
	// A record that is cut off at the end is checked too.
	for from := f.begin + first*size; from < f.end; {
		chunk, err := f.read(from, walkSize/size*size)
		if err != nil || len(chunk) == 0 {
			return 0, false
		}
		for i := 0; i < len(chunk); i += int(size) {
			head := []byte{byte(size / 4), byte(rtype)}
			if !bytes.HasPrefix(head, chunk[i:min(i+2, len(chunk))]) {
				return 0, false
			}
			if i+int(size) <= len(chunk) && !f.hasSymbol(chunk[i:]) {
				return 0, false
			}
		}
		from += int64(len(chunk))
	}
	return f.begin + max(0, count-int64(f.n))*size, true
}

// hasSymbol reports whether the symbol of a record that begins chunk is known. Where it is
// not, a header that was not read may have it: the one of a stream that follows the first.
func (f *lastFinder) hasSymbol(chunk []byte) bool {
	symbols := f.run.stream.File.Symbols()
	if p := unsafe.Pointer(unsafe.SliceData(chunk)); symbols != nil && uintptr(p)%8 == 0 {
		_, known := symbols.SymbolOf(dbn.RecordAt(p))
		return known
	}
	return true
}

// byHeaders walks over all records from the beginning, reading only their headers.
func (f *lastFinder) byHeaders() (int64, error) {
	places := make([]int64, 0, min(f.n, 1<<16)) // a ring of the last n wanted records
	count := uint64(0)
	wanted := &f.run.stream.File.Wanted
	from := f.begin
	for {
		if err := f.run.interrupted(); err != nil {
			return 0, err
		}
		chunk, err := f.read(from, walkSize)
		if err != nil {
			return 0, err
		}
		i := 0
		for i+dbn.HeaderLen <= len(chunk) {
			size := int(chunk[i]) * 4
			if size < dbn.HeaderLen || i+size > len(chunk) || beginsHeader(chunk[i:]) {
				break
			}
			rtype := dbn.RType(chunk[i+1])
			if rtype == dbn.RTypeSymbolMapping {
				f.mapping(from+int64(i), chunk[i:i+size])
			}
			if wanted[rtype] && !rtype.IsMessage() && f.n > 0 {
				if uint64(len(places)) < f.n {
					places = append(places, 0)
				}
				places[count%f.n] = from + int64(i)
				if count++; count >= f.n {
					f.pass(places[count%f.n])
				}
			}
			i += size
		}
		if i == 0 {
			size := f.nextHeader(from, chunk)
			if size == 0 { // the end, or what the decoder will complain about
				break
			}
			from += size
		}
		from += int64(i)
	}
	switch {
	case f.n == 0:
		f.pass(from)
		return from, nil
	case count <= f.n:
		return f.begin, nil
	}
	return places[count%f.n], nil
}

// mapping notes a symbol mapping record; the decoder sees those that are not passed.
func (f *lastFinder) mapping(at int64, record []byte) {
	words := make([]uint64, (len(record)+7)/8)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(record)), record)
	f.mappings = append(f.mappings, placedMapping{at, words})
}

// pass takes in the mappings before the place where the last records begin, for now: they
// hold there, and later ones do not yet.
func (f *lastFinder) pass(begin int64) {
	for len(f.mappings) > 0 && f.mappings[0].at < begin {
		r := stream.RecordIn(f.mappings[0].record)
		f.run.stream.Widen(r)
		f.run.stream.LeaveOut(r)
		f.mappings = f.mappings[1:]
	}
}

// beginsHeader reports whether another stream's header begins where a record is expected.
func beginsHeader(b []byte) bool { return string(b[:3]) == "DBN" && b[3] != 0 }

// nextHeader takes in the header of another stream, which the decoder will perhaps not see,
// and returns its size; 0 when none begins there, or not one that can be read on.
func (f *lastFinder) nextHeader(from int64, chunk []byte) int64 {
	if len(chunk) < dbn.HeaderLen || !beginsHeader(chunk) {
		return 0
	}
	size, err := dbn.MetadataLen(chunk)
	if err != nil || int64(size) > f.end-from {
		return 0
	}
	header := make([]byte, size)
	if _, err := f.file.ReadAt(header, from); err != nil {
		return 0
	}
	m, _, err := dbn.DecodeMetadata(header)
	first := dbn.Metadata{Version: f.version, Dataset: f.metadata.Dataset, Schema: f.metadata.Schema, TsOut: f.metadata.TsOut}
	if err != nil || m.CanFollow(&first) != nil || m.Upgrade(f.run.options.Policy) != nil {
		return 0
	}
	f.run.nextHeader(f.run.inputs[0], &m)
	return int64(size)
}

func (f *lastFinder) read(from, size int64) ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, walkSize)
	}
	buf := f.buf[:max(0, min(size, f.end-from))]
	n, err := f.file.ReadAt(buf, from)
	if err == io.EOF { //nolint:errorlint // ReadAt's own
		err = nil
	}
	return buf[:n], err
}
