package dbn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/dbnloop/dbnloop/internal/reword"
)

// DecodeError is a fault of a stream and its position. Every complete record before it was
// returned first.
type DecodeError struct {
	Offset int64 // bytes of decompressed DBN before the fault
	Err    error
}

func (e *DecodeError) Error() string {
	return reword.Text(fmt.Sprintf("dbn: at byte %d: %s", e.Offset, strings.TrimPrefix(e.Err.Error(), "dbn: ")))
}

// Unwrap returns the cause; io.ErrUnexpectedEOF when the input is cut off.
func (e *DecodeError) Unwrap() error { return e.Err }

// ErrHeaderInFragment is returned where a DBN header begins although the input was declared to be
// a fragment, which has no header.
var ErrHeaderInFragment = errors.New("dbn: a DBN header begins here, but a fragment has none: read the input as a complete stream")

// MetadataSizeError is the error for a header that is larger than WithMaxMetadata allows.
type MetadataSizeError struct {
	Size, Limit int // bytes
}

func (e *MetadataSizeError) Error() string {
	return fmt.Sprintf("dbn: metadata of %d bytes exceeds the limit of %d bytes", e.Size, e.Limit)
}

// cutError is an unexpected end of the input.
type cutError string

func (e cutError) Error() string { return string(e) }

// Unwrap makes it an io.ErrUnexpectedEOF.
func (e cutError) Unwrap() error { return io.ErrUnexpectedEOF }

// ErrLegacyDBZ is returned for DBZ, the predecessor of DBN.
var ErrLegacyDBZ = errors.New("dbn: legacy DBZ data; convert it to DBN with the official dbn tool first")

// Decoder reads a DBN stream record by record. It holds one buffer and allocates nothing per
// record. It must not be used by several goroutines at once.
//
// The input may consist of several DBN streams in succession (cat a.dbn b.dbn, a capture that was
// appended to, frames of zstd). A header between two records is then read like the first one, and
// Metadata returns it from then on. It must match the first one, see [Metadata.CanFollow];
// otherwise decoding ends with an error that says where it begins.
type Decoder struct {
	in       io.Reader
	zr       *zstdReader // nil: plain
	stage    io.Closer   // what WithDecompressed put after it; nil: nothing
	metadata *Metadata
	first    *Metadata // what CanFollow asks of the first header; nil before it was read
	options  decoderOptions
	version  uint8
	tsOut    bool
	up       *Upgrader
	plain    [256]uint16 // by rtype; see plainHeads
	words    []uint64    // the buffer, aligned
	buf      []byte      // the same memory
	pos, end int
	offset   int64 // of buf[pos] in the decompressed stream
	err      error // of the reader, kept until the buffer is used up
}

type decoderOptions struct {
	policy      UpgradePolicy
	maxMetadata int
	fragment    bool
	version     uint8
	tsOut       bool
	next        func(*Metadata)
	stage       func(io.Reader) io.ReadCloser
}

// DecoderOption configures a Decoder.
type DecoderOption interface{ apply(*decoderOptions) }

type decoderOption func(*decoderOptions)

func (f decoderOption) apply(o *decoderOptions) { f(o) }

// WithUpgrade sets how records of older versions are treated. Default: UpgradeToV3.
func WithUpgrade(policy UpgradePolicy) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.policy = policy })
}

// WithMaxMetadata limits the size of the header in bytes; a larger one is a *MetadataSizeError.
// Memory grows with the bytes that really arrive. Default: 256 MiB.
func WithMaxMetadata(n int) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.maxMetadata = n })
}

// WithNextHeader sets a function that is called with each header after the first one, from inside
// Next, before it returns the first record under that header.
func WithNextHeader(f func(*Metadata)) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.next = f })
}

// WithDecompressed sets a function that is called once for a compressed input, with the reader of the
// decompressed bytes, and returns the reader that the Decoder uses in its place. So a program can
// decompress in a goroutine of its own, which the Decoder never starts. Close closes what it
// returned; after that nothing may be read from the reader that it was given.
func WithDecompressed(f func(io.Reader) io.ReadCloser) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.stage = f })
}

// WithFragment reads records without a header, of the given version (1 to 3). Version 3 is
// refused together with UpgradeToV2.
func WithFragment(version uint8, tsOut bool) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.fragment, o.version, o.tsOut = true, version, tsOut })
}

// decoderBuffer is the number of bytes that a Decoder holds, maxWindow the size of the window
// that zstd may use. Tests that create many Decoders reduce them.
var (
	decoderBuffer        = 256 << 10
	maxWindow     uint64 = 128 << 20
)

// NewDecoder reads the header of a DBN stream, which may be plain or compressed with zstd, also
// in several frames and with skippable frames.
func NewDecoder(r io.Reader, opts ...DecoderOption) (*Decoder, error) {
	o := decoderOptions{policy: UpgradeToV3, maxMetadata: 256 << 20}
	for _, opt := range opts {
		opt.apply(&o)
	}
	d := &Decoder{options: o, words: make([]uint64, decoderBuffer/8)}
	d.buf = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d.words))), decoderBuffer)
	if o.fragment {
		if o.version < 1 || o.version > Version {
			return nil, fmt.Errorf("dbn: a fragment's version must be 1 to %d, not %d", Version, o.version)
		}
		if err := checkUpgrade(o.version, o.policy); err != nil {
			return nil, err
		}
		d.version, d.tsOut = o.version, o.tsOut
	}
	if err := d.open(r); err != nil {
		return nil, err
	}
	if !o.fragment {
		if err := d.readMetadata(); err != nil {
			d.Close()
			return nil, err
		}
	}
	d.up = NewUpgrader(d.version, d.tsOut, o.policy)
	d.plain = d.up.plainHeads()
	return d, nil
}

// open determines the format from the first bytes: zstd, a skippable frame before it, legacy DBZ,
// or plain.
func (d *Decoder) open(r io.Reader) error {
	br := bufio.NewReaderSize(r, decoderBuffer/2)
	head, err := br.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(head) < 4 {
		d.in = br
		return nil
	}
	magic := binary.LittleEndian.Uint32(head)
	skippable := isSkippable(magic)
	if skippable && len(head) >= 11 && string(head[8:11]) == "DBZ" {
		return ErrLegacyDBZ
	}
	if magic != zstdMagic && !skippable {
		d.in = br
		return nil
	}
	if d.zr, err = newZstdReader(br); err != nil {
		return err
	}
	d.in = d.zr
	if d.options.stage != nil {
		stage := d.options.stage(d.zr)
		d.in, d.stage = stage, stage
	}
	return nil
}

// readMetadata reads a header: the first, or another one between two records.
func (d *Decoder) readMetadata() error {
	m, size, err := d.readHeader(unread{d})
	if err == nil && d.first != nil {
		err = m.CanFollow(d.first)
	}
	if err != nil {
		if d.first != nil {
			err = nextHeaderError{err}
		}
		return &DecodeError{d.offset, err}
	}
	d.version, d.tsOut = m.Version, m.TsOut
	d.offset += int64(size)
	if d.first == nil {
		d.first = &Metadata{Version: m.Version, Dataset: m.Dataset, Schema: m.Schema, TsOut: m.TsOut}
	}
	if err := m.Upgrade(d.options.policy); err != nil {
		return err
	}
	d.metadata = m
	return nil
}

func (d *Decoder) readHeader(in io.Reader) (m *Metadata, size int, err error) {
	var prelude [preludeLen]byte
	var cut cutError // of a zstd frame
	if n, err := io.ReadFull(in, prelude[:]); err != nil {
		switch {
		case errors.As(err, &cut):
			return nil, 0, cut
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil, 0, fmt.Errorf("reading the metadata: %w", cause(err))
		case n == 0:
			return nil, 0, cutError("the input is empty, it has no DBN metadata")
		case n >= 4 && string(prelude[:3]) != "DBN":
			return nil, 0, notDBN(prelude[:n])
		}
		return nil, 0, metadataCut(n)
	}
	if size, err = MetadataLen(prelude[:]); err != nil {
		return nil, 0, err
	}
	if size > d.options.maxMetadata {
		return nil, 0, &MetadataSizeError{size, d.options.maxMetadata}
	}
	header, err := readGrowing(in, prelude[:], size)
	switch {
	case errors.As(err, &cut):
		return nil, 0, cut
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, metadataCut(len(header))
	case err != nil:
		return nil, 0, fmt.Errorf("reading the metadata: %w", cause(err))
	}
	decoded, _, err := DecodeMetadata(header)
	return &decoded, size, err
}

func metadataCut(n int) error {
	return cutError(fmt.Sprintf("the input ended inside the DBN metadata, after %d bytes of it", n))
}

// nextHeaderError is a fault of a header that follows records.
type nextHeaderError struct{ err error }

func (e nextHeaderError) Error() string {
	return "another DBN stream begins: " + strings.TrimPrefix(e.err.Error(), "dbn: ")
}

func (e nextHeaderError) Unwrap() error { return e.err }

// cause is an error without the offset that it received when the buffer was filled.
func cause(err error) error {
	var fault *DecodeError
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}

// unread reads the bytes that were not decoded yet: the buffer, then the input.
type unread struct{ d *Decoder }

// Read implements io.Reader.
func (u unread) Read(p []byte) (int, error) {
	d := u.d
	if n := copy(p, d.buf[d.pos:d.end]); n > 0 {
		d.pos += n
		return n, nil
	}
	if d.err != nil {
		return 0, d.err
	}
	return d.in.Read(p)
}

// readGrowing reads up to total bytes after prefix. Memory grows with the bytes that really
// arrive, because total is a number that the input claims.
func readGrowing(r io.Reader, prefix []byte, total int) ([]byte, error) {
	out := append([]byte(nil), prefix...)
	for len(out) < total {
		step := min(total-len(out), max(64<<10, len(out)))
		at := len(out)
		out = append(out, make([]byte, step)...)
		n, err := io.ReadFull(r, out[at:])
		if err != nil {
			return out[:at+n], err
		}
	}
	return out, nil
}

// Metadata returns the header of the record that Next returned last, upgraded according to the
// policy; nil for a fragment. It changes when a further header is read.
func (d *Decoder) Metadata() *Metadata { return d.metadata }

// InputVersion returns the DBN version of the data before any upgrade.
func (d *Decoder) InputVersion() uint8 { return d.version }

// TsOut reports whether records carry the gateway's send time.
func (d *Decoder) TsOut() bool { return d.tsOut }

// Offset returns the number of decompressed bytes before the next record.
func (d *Decoder) Offset() int64 { return d.offset }

// Next returns the next record, which is valid until the next call, or io.EOF at a clean end. Any
// other error is a *DecodeError.
func (d *Decoder) Next() (Record, error) {
	if d.end-d.pos >= HeaderLen && d.pos%8 == 0 {
		p := unsafe.Pointer(&d.buf[d.pos])
		head := *(*uint16)(p)
		if size := int(head&0xFF) * 4; d.plain[head>>8] == head && size <= d.end-d.pos {
			d.pos += size
			d.offset += int64(size)
			return RecordAt(p), nil
		}
	}
	return d.next()
}

// next is Next for a record that is not plain, not aligned, or not there yet.
func (d *Decoder) next() (Record, error) {
	r, err := d.nextRaw()
	if err != nil {
		return Record{}, err
	}
	return d.up.Upgrade(r), nil
}

// ResumeAt continues with the records that are read from r, which begins between two records of
// the same uncompressed stream, offset bytes after its beginning. The header stays unchanged.
func (d *Decoder) ResumeAt(r io.Reader, offset int64) {
	d.Close()
	d.in, d.zr, d.stage = r, nil, nil
	d.pos, d.end, d.offset, d.err = 0, 0, offset, nil
}

func (d *Decoder) nextRaw() (Record, error) {
	if err := d.want(1); err != nil {
		return Record{}, err // io.EOF: between two records
	}
	for d.buf[d.pos] == headerByte || d.buf[d.pos] == zstdByte {
		if begun, err := d.nextStream(); err != nil {
			return Record{}, err
		} else if !begun {
			break
		}
		if err := d.want(1); err != nil {
			return Record{}, err
		}
	}
	size := int(d.buf[d.pos]) * 4
	if size < HeaderLen {
		return Record{}, &DecodeError{d.offset, fmt.Errorf("a record says it has %d bytes, the least is %d", size, HeaderLen)}
	}
	if err := d.want(size); err != nil {
		if errors.Is(err, io.EOF) {
			err = &DecodeError{d.offset, cutError(fmt.Sprintf("a record of %d bytes is cut off after %d", size, d.end-d.pos))}
		}
		return Record{}, err
	}
	d.align(size)
	r := RecordAt(unsafe.Pointer(&d.buf[d.pos]))
	d.pos += size
	d.offset += int64(size)
	return r, nil
}

const (
	headerByte = 'D'              // of "DBN", with which a header begins
	zstdByte   = zstdMagic & 0xFF // with which a zstd frame begins
)

// isHeader reports whether a DBN header begins where a record is expected: "DBN" and a version.
// As a record these bytes would be one of 272 bytes, of the rtype 0x42, which does not exist, and
// of a publisher from 334 on. b holds at least 4 bytes.
func isHeader(b []byte) bool { return string(b[:3]) == "DBN" && b[3] != 0 }

// nextStream reads the header of another stream, if one begins where a record is expected.
func (d *Decoder) nextStream() (begun bool, err error) {
	if d.want(4) != nil {
		return false, nil //nolint:nilerr // too short for a header: a record that is cut off
	}
	head := d.buf[d.pos:d.end]
	switch {
	case binary.LittleEndian.Uint32(head) == zstdMagic:
		return false, &DecodeError{d.offset, errors.New("zstd-compressed data begins; a stream is compressed completely or not at all: read the parts one by one")}
	case !isHeader(head):
		return false, nil
	case d.options.fragment:
		return false, &DecodeError{d.offset, ErrHeaderInFragment}
	}
	if err := d.readMetadata(); err != nil {
		d.pos, d.end, d.err = 0, 0, err // for the next call
		return false, err
	}
	if d.options.next != nil {
		d.options.next(d.metadata)
	}
	return true, nil
}

// align moves the record to an aligned address. This is only needed after a record whose size is
// not a multiple of 8.
func (d *Decoder) align(size int) {
	if d.pos%8 != 0 {
		copy(d.buf, d.buf[d.pos:d.end])
		d.end -= d.pos
		d.pos = 0
	}
}

// want makes n bytes available at pos, or returns the reason why it cannot.
func (d *Decoder) want(n int) error {
	for d.end-d.pos < n {
		if d.err != nil {
			return d.err
		}
		copy(d.buf, d.buf[d.pos:d.end])
		d.end -= d.pos
		d.pos = 0
		k, err := d.in.Read(d.buf[d.end:])
		d.end += k
		if err != nil {
			d.err = err
			if !errors.Is(err, io.EOF) {
				d.err = &DecodeError{d.offset + int64(d.end), err}
			}
		}
	}
	return nil
}

// Close frees the memory of zstd; it does not close the reader.
func (d *Decoder) Close() {
	if d.stage != nil {
		d.stage.Close() //nolint:errcheck // it was only read
	}
	if d.zr != nil {
		d.zr.close()
	}
}
