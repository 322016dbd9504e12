package sim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	metadataPrelude = 8
	maxMetadata     = 256 << 20
)

var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// loadStream reads a DBN stream, plain or zstd, to its end. A fragment has no metadata of
// its own: the given one describes it.
func loadStream(name string, r io.Reader, sizeHint int64, fragment *dbn.Metadata) (*sourceData, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	stream := io.Reader(buffered)
	if bytes.Equal(magic, zstdMagic) {
		zr, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		defer zr.Close()
		stream, sizeHint = zr, 0
	}
	data := &sourceData{name: name}
	if fragment != nil {
		data.meta = *fragment
	} else if data.meta, err = readMetadata(stream); err != nil {
		return nil, fmt.Errorf("read %s: metadata: %w", name, err)
	}
	if data.meta.Dataset == "" || data.meta.Version < 1 || data.meta.Version > 3 {
		return nil, fmt.Errorf("read %s: want a dataset and a DBN version from 1 to 3, have %q and %d",
			name, data.meta.Dataset, data.meta.Version)
	}
	// A little more than the file's size, so that reading to the end never reallocates.
	slab := bytes.NewBuffer(make([]byte, 0, sizeHint+bytes.MinRead))
	if _, err := slab.ReadFrom(stream); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := data.adopt(slab.Bytes()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

func readMetadata(r io.Reader) (dbn.Metadata, error) {
	head := make([]byte, metadataPrelude)
	if _, err := io.ReadFull(r, head); err != nil {
		return dbn.Metadata{}, fmt.Errorf("no DBN header: %w", err)
	}
	if string(head[:3]) != "DBN" {
		return dbn.Metadata{}, fmt.Errorf("starts with %q, not with DBN or a zstd frame", head[:4])
	}
	length := binary.LittleEndian.Uint32(head[4:])
	if length > maxMetadata {
		return dbn.Metadata{}, fmt.Errorf("length %d is over %d", length, maxMetadata)
	}
	whole := bytes.NewBuffer(head)
	if n, err := io.CopyN(whole, r, int64(length)); err != nil {
		return dbn.Metadata{}, fmt.Errorf("ends after %d of %d bytes: %w", n, length, err)
	}
	meta, _, err := dbn.DecodeMetadata(whole.Bytes())
	return meta, err
}

// adopt takes the records of a slab over, in place: it drops ts_out, sets symbol mappings
// aside and leaves the other records of a gateway out.
func (d *sourceData) adopt(slab []byte) error {
	extra := 0
	if d.meta.TsOut {
		extra = tsOutLen
		d.meta.TsOut = false
	}
	kept := slab[:0]
	for off := 0; off < len(slab); {
		rest := slab[off:]
		if len(rest) < headerLen || len(rest) < recLen(rest) {
			return fmt.Errorf("record at byte %d behind the metadata is cut: %d bytes left", off, len(rest))
		}
		size := recLen(rest)
		if size < headerLen+extra {
			return fmt.Errorf("record at byte %d behind the metadata has length %d", off, size)
		}
		off += size
		rec := rest[:size-extra]
		setLen(rec, len(rec))
		switch {
		case !isGatewayRType(recRType(rec)):
			kept = append(kept, rec...)
		case recRType(rec) == dbn.RTypeSymbolMapping:
			d.mappings = append(d.mappings, rec...)
		}
	}
	d.records = kept
	return nil
}
