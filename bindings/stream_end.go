package bindings

// #include "dbnloop.h"
import "C"

import "unsafe"

// StreamEnd is a dbnloop_stream_end.
type StreamEnd struct {
	handle *C.dbnloop_stream_end
	err    C.dbnloop_error
}

// StreamEndNew is dbnloop_stream_end_new with the default memory.
func StreamEndNew() (*StreamEnd, *Error) {
	end := &StreamEnd{}
	if e := failed(C.dbnloop_stream_end_new(0, &end.handle, &end.err), &end.err); e != nil {
		return nil, e
	}
	return end, nil
}

// Free is dbnloop_stream_end_free.
func (end *StreamEnd) Free() {
	C.dbnloop_stream_end_free(end.handle)
	end.handle = nil
}

// Push is dbnloop_stream_end_push.
func (end *StreamEnd) Push(data []byte) *Error {
	return failed(C.dbnloop_stream_end_push(end.handle, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), &end.err), &end.err)
}

// Complete is dbnloop_stream_end_complete.
func (end *StreamEnd) Complete() uint64 { return uint64(C.dbnloop_stream_end_complete(end.handle)) }

// Records is dbnloop_stream_end_records.
func (end *StreamEnd) Records() uint64 { return uint64(C.dbnloop_stream_end_records(end.handle)) }

// Position is dbnloop_stream_end_position, copied.
func (end *StreamEnd) Position() ([]byte, *Error) {
	var data unsafe.Pointer
	var size C.size_t
	if e := failed(C.dbnloop_stream_end_position(end.handle, &data, &size, &end.err), &end.err); e != nil {
		return nil, e
	}
	return C.GoBytes(data, C.int(size)), nil
}
