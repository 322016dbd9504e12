package market

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// LargeFile is the size in bytes from which on a file that is the only source of its dataset
// stays on disk, if its records can go out as they lie in it: plain DBN in the version that is
// served, without ts_out. Tests change it.
var LargeFile int64 = 256 << 20

// disk is records that stay in their file.
type disk struct {
	name string
	file *os.File
	base int64 // where the records begin
}

// openDisk opens a file whose records can stay where they are; nil when they cannot, or need
// not.
func openDisk(path string) (*Data, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	data, err := inspect(path, f)
	if data == nil {
		f.Close() //nolint:errcheck // nothing was written
	}
	return data, err
}

// prelude is what a DBN file begins with: its magic, version and length of the metadata.
const prelude = 8

func inspect(path string, f *os.File) (*Data, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	var head [prelude]byte
	if info.Size() < LargeFile || !info.Mode().IsRegular() {
		return nil, nil
	}
	if _, err := io.ReadFull(f, head[:]); err != nil || !bytes.HasPrefix(head[:], magic) {
		return nil, nil // loading it says what is wrong, or unpacks it
	}
	base := prelude + int64(binary.LittleEndian.Uint32(head[4:]))
	d, err := dbn.NewDecoder(io.NewSectionReader(f, 0, base), dbn.WithUpgrade(dbn.AsIs))
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", path, err)
	}
	defer d.Close()
	if meta := d.Metadata(); meta.Dataset != "" && !meta.TsOut {
		return &Data{name: path, Meta: *meta, disk: &disk{path, f, base}, size: info.Size() - base}, nil
	}
	return nil, nil
}

var magic = []byte("DBN")

// fits reports whether the records of a file can be served in a version as they are. It reads
// all of them.
func (d *Data) fits(version uint8) (bool, error) {
	if version != d.Meta.Version {
		return false, nil
	}
	r := Reader{disk: d.disk, size: int(d.size)}
	for off := 0; off < r.size; {
		rec := r.Record(off)
		switch {
		case rec == nil:
			return false, r.Err()
		case RType(rec).IsMessage(), bytes.HasPrefix(rec, magic):
			return false, nil
		}
		off += len(rec)
	}
	return true, nil
}

// windowSize is how much of a file is read at a time: a block and one record more.
const windowSize = blockSize + 1024

// Reader reads the records of a timeline. A file's are read through a window, so that the
// memory does not grow with the file. What it returns is valid until its next call. It is not
// safe for use from several goroutines.
type Reader struct {
	data []byte // of a timeline in memory
	disk *disk
	size int // of all records, in bytes

	window []byte // of the file, from the offset at on
	at     int
	err    error
}

// Reader returns a reader of the timeline's records.
func (t *Timeline) Reader() *Reader { return &Reader{data: t.data, disk: t.disk, size: t.Len()} }

// Err is the first error; nil for a timeline in memory.
func (r *Reader) Err() error { return r.err }

// Record is the record at an offset; nil when it cannot be read.
func (r *Reader) Record(off int) []byte {
	rec := r.Range(off, min(off+headerLen, r.size))
	if rec == nil {
		return nil
	}
	size := wire.Size(rec)
	if size < headerLen || size > r.size-off {
		r.fail(fmt.Errorf("a record of %d bytes at byte %d, where %d are left", size, off, r.size-off))
		return nil
	}
	return r.Range(off, off+size)
}

// Range is the bytes from one offset to another; nil when they cannot be read.
func (r *Reader) Range(from, to int) []byte {
	if r.disk == nil {
		return r.data[from:to]
	}
	if from < r.at || to > r.at+len(r.window) {
		if !r.load(from, to) {
			return nil
		}
	}
	return r.window[from-r.at : to-r.at]
}

// load moves the window so that it begins at an offset.
func (r *Reader) load(from, to int) bool {
	if r.err != nil {
		return false
	}
	size := min(max(windowSize, to-from), r.size-from)
	if cap(r.window) < size {
		r.window = make([]byte, size)
	}
	r.window, r.at = r.window[:size], from
	if _, err := r.disk.file.ReadAt(r.window, r.disk.base+int64(from)); err != nil {
		r.window = r.window[:0]
		r.fail(fmt.Errorf("at byte %d: %w", from, err))
		return false
	}
	return true
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		name := "records"
		if r.disk != nil {
			name = r.disk.name
		}
		r.err = fmt.Errorf("source %s: %w", name, err)
	}
}

// Close closes the file of the timeline. Nobody may read it any more.
func (t *Timeline) Close() error {
	if t.disk == nil {
		return nil
	}
	return t.disk.file.Close()
}
