package dbn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// DecodeError says where a stream could not be read on. Every whole record before it was
// returned first.
type DecodeError struct {
	Offset int64 // bytes of (decompressed) DBN before the fault
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("dbn: at byte %d: %s", e.Offset, strings.TrimPrefix(e.Err.Error(), "dbn: "))
}

// Unwrap gives the cause; io.ErrUnexpectedEOF when the input is cut off.
func (e *DecodeError) Unwrap() error { return e.Err }

// ErrLegacyDBZ is returned for the format that came before DBN.
var ErrLegacyDBZ = errors.New("dbn: legacy DBZ data; convert it to DBN with the official dbn tool first")

// Decoder reads a DBN stream record by record. It holds one buffer and allocates nothing
// per record. Not for use by several goroutines at once.
type Decoder struct {
	in       io.Reader
	zr       *zstd.Decoder
	metadata *Metadata
	options  decoderOptions
	version  uint8
	tsOut    bool
	up       *Upgrader
	words    []uint64 // the buffer, aligned
	buf      []byte   // the same memory
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
}

// DecoderOption changes how a Decoder reads.
type DecoderOption interface{ apply(*decoderOptions) }

type decoderOption func(*decoderOptions)

func (f decoderOption) apply(o *decoderOptions) { f(o) }

// WithUpgrade sets what happens to records of older versions. Default: UpgradeToV3.
func WithUpgrade(policy UpgradePolicy) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.policy = policy })
}

// WithMaxMetadata bounds the header's size in bytes. Default: 256 MiB.
func WithMaxMetadata(n int) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.maxMetadata = n })
}

// WithFragment reads records that have no header, of this version: 1 to 3, of which 3 does
// not go with UpgradeToV2.
func WithFragment(version uint8, tsOut bool) DecoderOption {
	return decoderOption(func(o *decoderOptions) { o.fragment, o.version, o.tsOut = true, version, tsOut })
}

// decoderBuffer is how many bytes a Decoder holds, maxWindow how many zstd may look back;
// tests that make many make them smaller.
var (
	decoderBuffer        = 256 << 10
	maxWindow     uint64 = 128 << 20
)

// NewDecoder reads the header of a DBN stream, plain or zstd-compressed (several frames and
// skippable frames too).
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
	return d, nil
}

// open looks at the first bytes: zstd, a skippable frame before it, legacy DBZ, or plain.
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
	skippable := magic >= 0x184D2A50 && magic <= 0x184D2A5F
	if skippable && len(head) >= 11 && string(head[8:11]) == "DBZ" {
		return ErrLegacyDBZ
	}
	if magic != zstdMagic && !skippable {
		d.in = br
		return nil
	}
	// One goroutine less, and no read-ahead beyond what was asked for.
	d.zr, err = zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	d.in = windowReader{d.zr}
	return nil
}

func (d *Decoder) readMetadata() error {
	var prelude [preludeLen]byte
	if n, err := io.ReadFull(d.in, prelude[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if n >= 4 && string(prelude[:3]) != "DBN" {
			err = notDBN(prelude[:n])
		}
		return &DecodeError{0, fmt.Errorf("reading the metadata: %w", err)}
	}
	total, err := MetadataLen(prelude[:])
	if err != nil {
		return &DecodeError{0, err}
	}
	if total > d.options.maxMetadata {
		return &DecodeError{0, fmt.Errorf("metadata of %d bytes passes the limit of %d (option WithMaxMetadata)", total, d.options.maxMetadata)}
	}
	header, err := readGrowing(d.in, prelude[:], total)
	if err != nil {
		return &DecodeError{int64(len(header)), fmt.Errorf("reading the metadata: %w", err)}
	}
	m, _, err := DecodeMetadata(header)
	if err != nil {
		return &DecodeError{0, err}
	}
	d.version, d.tsOut = m.Version, m.TsOut
	if err := m.Upgrade(d.options.policy); err != nil {
		return err
	}
	d.metadata = &m
	d.offset = int64(total)
	return nil
}

// readGrowing reads up to total bytes behind prefix; memory grows with what really comes,
// because the total is a number that the input claims.
func readGrowing(r io.Reader, prefix []byte, total int) ([]byte, error) {
	out := append([]byte(nil), prefix...)
	for len(out) < total {
		step := min(total-len(out), max(64<<10, len(out)))
		at := len(out)
		out = append(out, make([]byte, step)...)
		n, err := io.ReadFull(r, out[at:])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return out[:at+n], err
		}
	}
	return out, nil
}

// Metadata is the header, upgraded as the policy says; nil for a fragment.
func (d *Decoder) Metadata() *Metadata { return d.metadata }

// InputVersion is the version of the data before any upgrade.
func (d *Decoder) InputVersion() uint8 { return d.version }

// TsOut reports whether records carry the gateway's send time.
func (d *Decoder) TsOut() bool { return d.tsOut }

// Offset is the number of (decompressed) bytes before the next record.
func (d *Decoder) Offset() int64 { return d.offset }

// Next returns the next record, valid until the next call; io.EOF at a clean end. Any other
// error is a *DecodeError.
func (d *Decoder) Next() (Record, error) {
	r, err := d.nextRaw()
	if err != nil {
		return Record{}, err
	}
	return d.up.Upgrade(r), nil
}

func (d *Decoder) nextRaw() (Record, error) {
	if err := d.want(1); err != nil {
		return Record{}, err // io.EOF: between two records
	}
	size := int(d.buf[d.pos]) * 4
	if size < HeaderLen {
		return Record{}, &DecodeError{d.offset, fmt.Errorf("a record says it has %d bytes, the least is %d", size, HeaderLen)}
	}
	if err := d.want(size); err != nil {
		if errors.Is(err, io.EOF) {
			err = &DecodeError{d.offset, fmt.Errorf("a record of %d bytes is cut off after %d: %w", size, d.end-d.pos, io.ErrUnexpectedEOF)}
		}
		return Record{}, err
	}
	d.align(size)
	r := RecordAt(unsafe.Pointer(&d.buf[d.pos]))
	d.pos += size
	d.offset += int64(size)
	return r, nil
}

// align moves the record to an aligned address; only needed after a record whose size is no
// multiple of 8.
func (d *Decoder) align(size int) {
	if d.pos%8 != 0 {
		copy(d.buf, d.buf[d.pos:d.end])
		d.end -= d.pos
		d.pos = 0
	}
}

// want makes n bytes available at pos, or says why not.
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

// Close frees what zstd holds; it does not close the reader.
func (d *Decoder) Close() {
	if d.zr != nil {
		d.zr.Close()
	}
}
