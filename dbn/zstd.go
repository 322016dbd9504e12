package dbn

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

const zstdMagic = 0xFD2FB528

// isSkippable reports whether a zstd frame with this magic number holds no data.
func isSkippable(magic uint32) bool { return magic&^0xF == 0x184D2A50 }

// zstdReader decompresses zstd frames one after the other and returns every byte before a fault.
// A zstd.Decoder alone would not: it withholds the last block of a frame until the frame's
// checksum has arrived and is correct, and it withholds a stored block that is incomplete. It is
// therefore fed each frame without checksum and size (see zstdFrame), and both are checked here,
// after the last block was returned. It also refuses some blocks that the reference decoder
// accepts, and with it the C++ core (see blockDecoder). Such a frame is decoded a second time as
// the reference decoder does, unless it is too large to be kept.
type zstdReader struct {
	frame   zstdFrame
	decoder *zstd.Decoder
	inFrame bool
	sum     *xxhash.Digest // of what the frame gave
	size    uint64         // of the same
	second  *blockDecoder  // set when the frame is decoded a second time
	skip    int            // of what that gives, how much was handed out already
	fault   error          // why it is decoded a second time
	err     error          // kept until what came before it is handed out
}

func newZstdReader(in *bufio.Reader) (*zstdReader, error) {
	// One goroutine less, and no read-ahead beyond what was asked for.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return &zstdReader{frame: zstdFrame{in: in}, decoder: decoder, sum: xxhash.New()}, nil
}

func (z *zstdReader) close() { z.decoder.Close() }

// Read implements io.Reader; io.EOF is an end between two frames.
func (z *zstdReader) Read(p []byte) (int, error) {
	for z.err == nil && len(p) > 0 {
		if !z.inFrame {
			z.err = z.begin()
			continue
		}
		n, err := z.read(p)
		if err != nil {
			z.err = z.end(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, z.err
}

func (z *zstdReader) read(p []byte) (n int, err error) {
	if z.second == nil {
		n, err = z.decoder.Read(p)
		z.count(p[:n])
		return n, err
	}
	f, d := &z.frame, z.second
	for len(d.unread) == 0 {
		if f.last || f.err != nil {
			return 0, io.EOF
		}
		if f.err = f.readBlock(); len(f.rest) > 0 {
			if err := d.decode(f.kind, f.count, f.rest[3:]); err != nil {
				return 0, err
			}
			z.count(d.unread)
			again := min(len(d.unread), z.skip)
			d.unread = d.unread[again:]
			z.skip -= again
		}
	}
	n = copy(p, d.unread)
	d.unread = d.unread[n:]
	return n, nil
}

// count takes in bytes that the frame gave.
func (z *zstdReader) count(p []byte) {
	z.sum.Write(p) //nolint:errcheck // a hash takes everything
	z.size += uint64(len(p))
}

// begin reads up to the blocks of the next frame.
func (z *zstdReader) begin() error {
	if err := z.frame.begin(); err != nil {
		return err
	}
	z.inFrame, z.second, z.fault = true, nil, nil
	z.sum.Reset()
	z.size = 0
	return z.decoder.Reset(&z.frame)
}

// end is called when the decoder has read a frame to its end, or to a fault. It says what is
// wrong, or begins the frame a second time.
func (z *zstdReader) end(err error) error {
	f := &z.frame
	switch {
	case f.err != nil:
		return f.err
	case !errors.Is(err, io.EOF) && z.second == nil && f.keeps:
		z.fault = f.corrupt(err.Error())
		z.second, z.skip = newBlockDecoder(f.window), int(z.size)
		z.sum.Reset()
		z.size = 0
		f.again()
		return nil
	case !errors.Is(err, io.EOF):
		return cmp.Or(z.fault, f.corrupt(err.Error()))
	}
	z.inFrame = false
	if f.hasSize && z.size != f.size {
		return cmp.Or(z.fault, f.corrupt(fmt.Sprintf("a frame holds %d bytes, its header says %d", z.size, f.size)))
	}
	if !f.hasChecksum {
		return z.fault
	}
	checksum, err := f.take(4)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(checksum) != uint32(z.sum.Sum64()) {
		return cmp.Or(z.fault, f.corrupt("a frame's checksum is wrong"))
	}
	return nil // what the second decoder made of it is right
}

// zstdFrame reads one frame after the other, and is what the decoder reads: the frame's blocks
// after a header that says nothing of a checksum and a size. See RFC 8878.
type zstdFrame struct {
	in          *bufio.Reader
	offset      int64 // bytes of compressed input that were read
	few         [16]byte
	hasChecksum bool
	hasSize     bool
	size        uint64
	window      uint64
	last        bool   // the last block was read
	kind        uint32 // of the block
	count       int    // of the block
	buf         []byte // a header, or a block
	rest        []byte // of buf, for the decoder
	kept        []byte // the blocks that were read
	keeps       bool   // kept has all of them
	given       int    // bytes that they stand for, at most
	err         error  // of the input; what came before it is in buf
}

const (
	maxZstdBlock    = 128 << 10
	maxKept         = 1 << 20  // bytes of blocks
	maxAgain        = 16 << 20 // bytes that are decoded a second time
	storedBlock     = 0
	repeatedByte    = 1
	compressedBlock = 2
)

// Read implements io.Reader for the decoder.
func (f *zstdFrame) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.last || f.err != nil {
			return 0, io.EOF
		}
		f.err = f.readBlock()
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// begin looks for the next frame with data and reads its header; io.EOF if no frame follows.
func (f *zstdFrame) begin() error {
	for {
		if _, err := f.in.Peek(1); errors.Is(err, io.EOF) {
			return io.EOF
		}
		b, err := f.take(4)
		if err != nil {
			return err
		}
		magic := binary.LittleEndian.Uint32(b)
		if magic == zstdMagic {
			return f.readHeader()
		}
		if !isSkippable(magic) {
			return fmt.Errorf("no zstd frame begins at compressed byte %d, but the bytes % x: one stream cannot be compressed in part", f.offset-4, b)
		}
		if b, err = f.take(4); err != nil {
			return err
		}
		n, err := f.in.Discard(int(binary.LittleEndian.Uint32(b)))
		f.offset += int64(n)
		if err != nil {
			return f.cut(err)
		}
	}
}

func (f *zstdFrame) readHeader() error {
	b, err := f.take(1)
	if err != nil {
		return err
	}
	descriptor := b[0]
	if descriptor&(1<<3) != 0 {
		return f.corrupt("a frame's reserved bit is set")
	}
	f.hasChecksum = descriptor&(1<<2) != 0
	single := descriptor&(1<<5) != 0 // no window is given: it is as large as the frame
	windowLen := 1
	if single {
		windowLen = 0
	}
	dictionaryLen := [...]int{0, 1, 2, 4}[descriptor&3]
	sizeLen := [...]int{0, 2, 4, 8}[descriptor>>6]
	if single && sizeLen == 0 {
		sizeLen = 1
	}
	fields, err := f.take(windowLen + dictionaryLen + sizeLen)
	if err != nil {
		return err
	}
	var size [8]byte
	copy(size[:], fields[windowLen+dictionaryLen:])
	f.hasSize, f.size = sizeLen > 0, binary.LittleEndian.Uint64(size[:])
	if sizeLen == 2 {
		f.size += 256
	}
	window := windowFor(f.size)
	if !single {
		window = fields[0]
	}
	if n := windowSize(window); n > maxWindow {
		return fmt.Errorf("a zstd frame needs a window of %d MiB, and windows of up to %d MiB are accepted: compress it again without --ultra and --long above 27", n>>20, maxWindow>>20)
	}
	f.window = windowSize(window)
	f.buf = binary.LittleEndian.AppendUint32(f.buf[:0], zstdMagic)
	f.buf = append(f.buf, descriptor&3, window)
	f.buf = append(f.buf, fields[windowLen:windowLen+dictionaryLen]...)
	f.last, f.rest = false, f.buf
	f.kept, f.keeps, f.given = f.kept[:0], true, 0
	return nil
}

// again goes back to the frame's first block.
func (f *zstdFrame) again() {
	f.offset -= int64(len(f.kept))
	f.in = bufio.NewReader(io.MultiReader(bytes.NewReader(f.kept), f.in))
	f.last, f.rest, f.kept, f.keeps = false, nil, nil, false
}

// windowSize is the size that a window descriptor stands for.
func windowSize(descriptor byte) uint64 {
	base := uint64(1) << (10 + descriptor>>3)
	return base + base/8*uint64(descriptor&7)
}

// windowFor is the descriptor of the smallest window of at least size bytes.
func windowFor(size uint64) byte {
	descriptor := byte(0)
	for descriptor < 255 && windowSize(descriptor) < size {
		descriptor++
	}
	return descriptor
}

// readBlock reads the next block. Of a stored one that is cut off it keeps what there is, as a
// shorter block.
func (f *zstdFrame) readBlock() error {
	header, err := f.take(3)
	if err != nil {
		return err
	}
	word := uint32(header[0]) | uint32(header[1])<<8 | uint32(header[2])<<16
	kind, size := word>>1&3, int(word>>3)
	f.last, f.kind, f.count, f.rest = word&1 != 0, kind, size, nil
	if kind == repeatedByte {
		size = 1
	}
	if size > maxZstdBlock {
		return f.corrupt(fmt.Sprintf("a block of %d bytes, the most is %d", size, maxZstdBlock))
	}
	if cap(f.buf) < 3+size {
		f.buf = make([]byte, min(max(3+size, 2*cap(f.buf)), 3+maxZstdBlock))
	}
	f.buf = f.buf[:3+size]
	copy(f.buf, header)
	before := f.offset
	if err = f.read(f.buf[3:]); err != nil {
		if kind != storedBlock {
			return err
		}
		size = int(f.offset - before)
		f.buf[0], f.buf[1], f.buf[2] = byte(size<<3)|1, byte(size>>5), byte(size>>13)
		f.last = true
	}
	f.rest = f.buf[:3+size]
	if f.keeps {
		f.given += maxZstdBlock
		f.keeps = len(f.kept)+len(f.rest) <= maxKept && f.given <= maxAgain
	}
	if f.keeps {
		f.kept = append(f.kept, f.rest...)
	}
	return err
}

// take reads n bytes, at most 16, that stay until the next call.
func (f *zstdFrame) take(n int) ([]byte, error) {
	b := f.few[:n]
	return b, f.read(b)
}

// read fills p, or says that the input ended inside a frame.
func (f *zstdFrame) read(p []byte) error {
	n, err := io.ReadFull(f.in, p)
	f.offset += int64(n)
	if err != nil {
		return f.cut(err)
	}
	return nil
}

func (f *zstdFrame) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return cutError(fmt.Sprintf("the zstd stream ended inside a frame, after %d compressed bytes", f.offset))
	}
	return err
}

func (f *zstdFrame) corrupt(what string) error {
	return fmt.Errorf("the zstd stream is corrupt near compressed byte %d: %s", f.offset, what)
}
