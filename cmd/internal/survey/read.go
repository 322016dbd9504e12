package survey

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/dbnloop/dbnloop/dbn"
)

// Options say how a file is read.
type Options struct {
	Decode  []dbn.DecoderOption
	Hash    bool        // find the SHA-256 of the file
	Counter *Counter    // where records are counted; nil: in a new one
	Read    func(n int) // is called with the number of bytes of each read; nil: nothing is
}

// File is what a file holds.
type File struct {
	Bytes      int64         // of the file: all of them, unless Fault is an error of reading
	Compressed bool          // with zstd
	Metadata   *dbn.Metadata // the first header, upgraded; nil if it cannot be read
	Version    uint8         // of the data
	Headers    int           // more than one: DBN streams follow each other
	Complete   int64         // bytes of DBN, decompressed, up to the end of the last complete record
	Counter    *Counter
	SHA256     []byte // nil without Hash
	// Fault is why the file is not complete; nil: it ends after a record and, when it is
	// compressed, after a frame. A plain file that was cut between two records is also one that
	// ends after a record.
	Fault error
}

// Read reads a file to its end, and past a fault as well: its bytes are counted.
func Read(in io.Reader, o Options) *File {
	f := &File{Counter: o.Counter}
	if f.Counter == nil {
		f.Counter = NewCounter()
	}
	source := &source{in: in, file: f, read: o.Read}
	if o.Hash {
		source.sum = sha256.New()
	}
	f.Fault = f.decode(source, o)
	if source.err == nil {
		io.Copy(io.Discard, source) //nolint:errcheck // the source knows its error
	}
	f.Fault = source.fault(f.Fault)
	if source.sum != nil {
		f.SHA256 = source.sum.Sum(nil)
	}
	return f
}

// decode counts the records up to a fault.
func (f *File) decode(in *source, o Options) error {
	decoder, err := f.open(in, o)
	if err != nil {
		return err
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			f.Complete = decoder.Offset()
			if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
				return nil
			}
			return err
		}
		f.Counter.Add(r)
	}
}

func (f *File) open(in *source, o Options) (*dbn.Decoder, error) {
	next := dbn.WithNextHeader(func(m *dbn.Metadata) {
		f.Headers++
		f.Counter.Header(m)
	})
	decoder, err := dbn.NewDecoder(in, append(o.Decode[:len(o.Decode):len(o.Decode)], next)...)
	if err != nil {
		return nil, err
	}
	f.Metadata, f.Version = decoder.Metadata(), decoder.InputVersion()
	if f.Metadata != nil {
		f.Headers = 1
		f.Counter.Header(f.Metadata)
	}
	return decoder, nil
}

// Count counts the records of market data of a file, up to its end or a fault.
func Count(in io.Reader, o Options) (records uint64, fault error) {
	f := &File{Counter: new(Counter)}
	source := &source{in: in, file: f, read: o.Read}
	decoder, err := f.open(source, o)
	if err != nil {
		return 0, source.fault(err)
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
				err = nil
			}
			return records, source.fault(err)
		}
		if !r.RType().IsMessage() {
			records++
		}
	}
}

// source counts what is read, and finds out whether it is compressed.
type source struct {
	in   io.Reader
	file *File
	sum  hash.Hash // nil: none
	read func(int)
	head []byte
	err  error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if len(s.head) < 4 {
		s.head = append(s.head, p[:min(n, 4-len(s.head))]...)
		s.file.Compressed = isZstd(s.head)
	}
	s.file.Bytes += int64(n)
	if s.sum != nil {
		s.sum.Write(p[:n]) //nolint:errcheck // a hash takes everything
	}
	if s.read != nil {
		s.read(n)
	}
	s.err = err
	return n, err
}

// fault is an error of reading, if there was one, or else that of decoding.
func (s *source) fault(decoding error) error {
	if s.err != nil && s.err != io.EOF { //nolint:errorlint // a clean end is io.EOF itself
		return &ReadError{s.err}
	}
	return decoding
}

// ReadError is an error of reading the file: nothing is known of what it holds.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// isZstd reports whether bytes are the beginning of a zstd frame, or of one to be skipped.
func isZstd(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(head)
	return magic == 0xFD2FB528 || magic&^0xF == 0x184D2A50
}
