package dbn

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Encoder writes a DBN stream. Records are written as they are: their layout must be that of the
// metadata's version, with a ts_out if the metadata says so.
type Encoder struct {
	out       io.Writer
	zw        *zstd.Encoder
	w         io.Writer
	frameSize int
	inFrame   int
}

type encoderOptions struct {
	zstd      bool
	frameSize int
}

// EncoderOption configures an Encoder.
type EncoderOption interface{ apply(*encoderOptions) }

type encoderOption func(*encoderOptions)

func (f encoderOption) apply(o *encoderOptions) { f(o) }

// WithZstd compresses the stream. A frame is closed after frameSize bytes of records, so that a
// file is readable up to there even after a crash; 0: one frame for everything. Default: plain.
func WithZstd(frameSize int) EncoderOption {
	return encoderOption(func(o *encoderOptions) { o.zstd, o.frameSize = true, frameSize })
}

// NewEncoder creates an encoder and writes the header. With nil metadata it writes a fragment,
// which consists of records alone.
func NewEncoder(w io.Writer, metadata *Metadata, opts ...EncoderOption) (*Encoder, error) {
	var o encoderOptions
	for _, opt := range opts {
		opt.apply(&o)
	}
	e := &Encoder{out: w, w: w, frameSize: o.frameSize}
	if o.zstd {
		zw, err := zstd.NewWriter(w, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		e.zw, e.w = zw, zw
	}
	if metadata == nil {
		return e, nil
	}
	header, err := metadata.Append(nil)
	if err != nil {
		return nil, err
	}
	return e, e.WriteBytes(header)
}

// Write appends one record.
func (e *Encoder) Write(r Record) error { return e.WriteBytes(r.Bytes()) }

// WriteBytes appends complete records, such as those of a live batch.
func (e *Encoder) WriteBytes(records []byte) error {
	if _, err := e.w.Write(records); err != nil {
		return fmt.Errorf("dbn: writing records: %w", err)
	}
	if e.zw == nil {
		return nil
	}
	e.inFrame += len(records)
	if e.frameSize > 0 && e.inFrame >= e.frameSize {
		return e.endFrame()
	}
	return nil
}

// Flush ends the zstd frame, so that everything so far can be read. Plain data is written at once
// and needs no Flush.
func (e *Encoder) Flush() error {
	if e.zw == nil || e.inFrame == 0 {
		return nil
	}
	return e.endFrame()
}

func (e *Encoder) endFrame() error {
	if err := e.zw.Close(); err != nil {
		return fmt.Errorf("dbn: ending a zstd frame: %w", err)
	}
	e.zw.Reset(e.out)
	e.inFrame = 0
	return nil
}

// Close flushes the stream; it does not close the writer.
func (e *Encoder) Close() error { return e.Flush() }
