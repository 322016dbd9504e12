//go:build linux

package bindings

/*
#include <stdlib.h>
#include "dbnloop.h"

#cgo noescape dbnloop_file_options_init
#cgo nocallback dbnloop_file_options_init
#cgo noescape dbnloop_file_new
#cgo nocallback dbnloop_file_new
#cgo nocallback dbnloop_file_free
#cgo nocallback dbnloop_file_id
#cgo noescape dbnloop_file_start
#cgo nocallback dbnloop_file_start
#cgo noescape dbnloop_file_stop
#cgo nocallback dbnloop_file_stop
#cgo nocallback dbnloop_file_pause
#cgo nocallback dbnloop_file_resume
#cgo nocallback dbnloop_file_total_bytes
*/
import "C"

import "unsafe"

// FileOptions mirrors dbnloop_file_options; FileOptionsDefault fills in the defaults.
type FileOptions struct {
	Options
	FragmentVersion        int32
	FragmentTsOut, UseMmap bool
}

// FileOptionsDefault is dbnloop_file_options_init.
func FileOptionsDefault() FileOptions {
	var o C.dbnloop_file_options
	C.dbnloop_file_options_init(&o)
	return FileOptions{Options: Options{
		UpgradePolicy: int32(o.upgrade_policy),
		BufferSize:    uint64(o.buffer_size),
		MaxMetadata:   uint64(o.max_metadata),
	}}
}

// File is a dbnloop_file.
type File struct {
	handle *C.dbnloop_file
	err    C.dbnloop_error
}

// FileNew is dbnloop_file_new.
func FileNew(r *Reactor, path string, options FileOptions) (*File, *Error) {
	var o C.dbnloop_file_options
	C.dbnloop_file_options_init(&o)
	o.upgrade_policy = C.int32_t(options.UpgradePolicy)
	o.fragment_version = C.int32_t(options.FragmentVersion)
	o.fragment_ts_out = flag(options.FragmentTsOut)
	o.use_mmap = flag(options.UseMmap)
	o.buffer_size = C.uint64_t(options.BufferSize)
	o.max_metadata = C.uint64_t(options.MaxMetadata)
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	f := &File{}
	e := failed(C.dbnloop_file_new(r.handle, name, C.size_t(len(path)), &o, &f.handle, &f.err), &f.err)
	if e != nil {
		return nil, e
	}
	return f, nil
}

// Free is dbnloop_file_free.
func (f *File) Free() {
	C.dbnloop_file_free(f.handle)
	f.handle = nil
}

// ID is dbnloop_file_id.
func (f *File) ID() uint64 { return uint64(C.dbnloop_file_id(f.handle)) }

// Start is dbnloop_file_start.
func (f *File) Start() *Error { return failed(C.dbnloop_file_start(f.handle, &f.err), &f.err) }

// Stop is dbnloop_file_stop.
func (f *File) Stop() *Error { return failed(C.dbnloop_file_stop(f.handle, &f.err), &f.err) }

// Close is Stop; Free ends all else.
func (f *File) Close() { f.Stop() }

// Pause is dbnloop_file_pause.
func (f *File) Pause() { C.dbnloop_file_pause(f.handle) }

// Resume is dbnloop_file_resume.
func (f *File) Resume() { C.dbnloop_file_resume(f.handle) }

// TotalBytes is dbnloop_file_total_bytes.
func (f *File) TotalBytes() int64 { return int64(C.dbnloop_file_total_bytes(f.handle)) }
