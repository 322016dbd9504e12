package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

// isZstd reports whether a file begins as zstd frames do.
func isZstd(file *os.File) bool {
	var magic [4]byte
	n, _ := file.ReadAt(magic[:], 0)
	number := binary.LittleEndian.Uint32(magic[:])
	return n == len(magic) && (number == 0xFD2FB528 || number&^0xF == 0x184D2A50)
}

// lastFrame returns where the last complete zstd frame of a file ends; 0 if none is complete.
// Only the headers of frames and blocks are read.
func lastFrame(file *os.File) (end int64, err error) {
	for {
		size, err := frameSize(io.NewSectionReader(file, end, 1<<62-end))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return end, nil
		case err != nil:
			return 0, err
		}
		var last [1]byte
		if _, err := file.ReadAt(last[:], end+size-1); err != nil {
			return end, nil // its end is missing
		}
		end += size
	}
}

// frameSize finds out how many bytes the frame has that in begins with.
func frameSize(in *io.SectionReader) (int64, error) {
	const most = zstd.HeaderMaxSize
	var head [most]byte
	n, err := in.ReadAt(head[:], 0)
	if n == 0 {
		return 0, err
	}
	var header zstd.Header
	if err := header.Decode(head[:n]); err != nil {
		return 0, err
	}
	if header.Skippable {
		return int64(header.HeaderSize) + int64(header.SkippableSize), nil
	}
	at := int64(header.HeaderSize)
	for {
		var block [3]byte
		if _, err := in.ReadAt(block[:], at); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		number := uint32(block[0]) | uint32(block[1])<<8 | uint32(block[2])<<16
		last, kind, size := number&1 != 0, number>>1&3, int64(number>>3)
		if kind == 1 { // one byte, repeated
			size = 1
		}
		if kind == 3 {
			return 0, errors.New("a zstd block has no known type: the file is damaged")
		}
		at += int64(len(block)) + size
		if last {
			break
		}
	}
	if header.HasCheckSum {
		at += 4
	}
	return at, nil
}

// copyFrames decompresses frames as far as they go. Package dbn's reader hands out every byte before
// a fault, and accepts what the reference decoder accepts. A reader of zstd alone keeps back the last
// block of a frame until its checksum has arrived: what a killed writer had written last.
func copyFrames(w io.Writer, in io.Reader) error {
	var plain io.Reader
	decoder, err := dbn.NewDecoder(in, dbn.WithFragment(dbn.Version, false), dbn.WithDecompressed(func(r io.Reader) io.ReadCloser {
		plain = r
		return io.NopCloser(r)
	}))
	if err != nil {
		return err
	}
	defer decoder.Close()
	if plain == nil {
		return nil // too short for a frame
	}
	_, err = io.Copy(w, plain)
	return err
}
