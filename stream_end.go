package dbnloop

import "github.com/dbnloop/dbnloop/bindings"

// StreamEnd finds the position at the end of a stream of DBN bytes, such as a file that a capture
// wrote: a file is a position of its own, from which a ContinuousClient can continue. It is an
// io.Writer for the bytes, which must not be compressed. It belongs to no reactor, and is used
// by one goroutine at a time.
type StreamEnd struct{ end *bindings.StreamEnd }

// NewStreamEnd makes one. Close frees it.
func NewStreamEnd() (*StreamEnd, error) {
	end, e := bindings.StreamEndNew()
	if e != nil {
		return nil, fromC(e)
	}
	return &StreamEnd{end}, nil
}

// Write takes the next bytes, of any number. It returns ErrParse when they are not DBN, and
// ErrInvalidState after Close.
func (s *StreamEnd) Write(p []byte) (int, error) {
	if s.end == nil {
		return 0, newError(CodeInvalidState, "StreamEnd: Write after Close")
	}
	if e := s.end.Push(p); e != nil {
		return 0, fromC(e)
	}
	return len(p), nil
}

// Complete returns the number of bytes up to the end of the last complete record: a file that was
// cut inside a record is continued there. After Close it is 0.
func (s *StreamEnd) Complete() int64 {
	if s.end == nil {
		return 0
	}
	return int64(s.end.Complete())
}

// Records returns the number of complete records; 0 after Close.
func (s *StreamEnd) Records() uint64 {
	if s.end == nil {
		return 0
	}
	return s.end.Records()
}

// Position returns the position after the last complete record, for ContinuousClient.ResumeFrom.
// It returns ErrInvalidState as long as the metadata is not complete, and after Close.
func (s *StreamEnd) Position() ([]byte, error) {
	if s.end == nil {
		return nil, newError(CodeInvalidState, "StreamEnd: Position after Close")
	}
	position, e := s.end.Position()
	if e != nil {
		return nil, fromC(e)
	}
	return position, nil
}

// Close frees the memory. It may be called more than once.
func (s *StreamEnd) Close() error {
	if s.end != nil {
		s.end.Free()
		s.end = nil
	}
	return nil
}
