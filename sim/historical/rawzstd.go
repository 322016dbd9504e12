package historical

import (
	"encoding/binary"
	"io"
)

// rawZstd writes a zstd frame of blocks that are not compressed (RFC 8878, 3.1.1).
type rawZstd struct {
	w     io.Writer
	begun bool
	block []byte // the header of a block and its content
}

const (
	rawBlock     = 64 << 10
	rawWindowLog = 17 // the window, 128 KiB, bounds the size of blocks
)

func newRawZstd(w io.Writer) *rawZstd {
	return &rawZstd{w: w, block: make([]byte, 3, 3+rawBlock)}
}

func (z *rawZstd) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		n := min(len(b), cap(z.block)-len(z.block))
		z.block = append(z.block, b[:n]...)
		b = b[n:]
		if len(z.block) == cap(z.block) {
			if err := z.flush(false); err != nil {
				return total - len(b), err
			}
		}
	}
	return total, nil
}

// Close writes the last block.
func (z *rawZstd) Close() error { return z.flush(true) }

func (z *rawZstd) flush(last bool) error {
	if !z.begun {
		z.begun = true
		header := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
		// No checksum, no content size, no dictionary; then the window's exponent.
		header = append(header, 0, (rawWindowLog-10)<<3)
		if _, err := z.w.Write(header); err != nil {
			return err
		}
	}
	word := uint32(len(z.block)-3) << 3 // type 0: raw
	if last {
		word |= 1
	}
	z.block[0], z.block[1], z.block[2] = byte(word), byte(word>>8), byte(word>>16)
	_, err := z.w.Write(z.block)
	z.block = z.block[:3]
	return err
}
