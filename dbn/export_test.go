package dbn

import (
	"bufio"
	"bytes"
)

// ShrinkDecoders makes the buffers of new Decoders small until restore is called.
func ShrinkDecoders() (restore func()) {
	buffer, window := decoderBuffer, maxWindow
	decoderBuffer, maxWindow = 4<<10, 8<<20
	return func() { decoderBuffer, maxWindow = buffer, window }
}

// DecodeAsReference decodes one zstd frame as a frame with a fault is decoded the second time.
func DecodeAsReference(frame []byte) ([]byte, error) {
	f := zstdFrame{in: bufio.NewReader(bytes.NewReader(frame))}
	if err := f.begin(); err != nil {
		return nil, err
	}
	var out []byte
	for d := newBlockDecoder(f.window); !f.last; {
		if err := f.readBlock(); err != nil {
			return out, err
		}
		if err := d.decode(f.kind, f.count, f.rest[3:]); err != nil {
			return out, err
		}
		out = append(out, d.unread...)
	}
	return out, nil
}
