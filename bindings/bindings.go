//go:build linux

package bindings

/*
#include "dbnloop.h"

// Nothing in the C API calls back into Go or keeps a pointer that it was given.
#cgo noescape dbnloop_reactor_options_init
#cgo nocallback dbnloop_reactor_options_init
#cgo noescape dbnloop_reactor_new_with
#cgo nocallback dbnloop_reactor_new_with
#cgo nocallback dbnloop_reactor_free
#cgo noescape dbnloop_reactor_poll
#cgo nocallback dbnloop_reactor_poll
#cgo nocallback dbnloop_reactor_fd
#cgo nocallback dbnloop_reactor_wake
#cgo noescape dbnloop_reactor_add
#cgo nocallback dbnloop_reactor_add
#cgo noescape dbnloop_reactor_modify
#cgo nocallback dbnloop_reactor_modify
#cgo noescape dbnloop_reactor_remove
#cgo nocallback dbnloop_reactor_remove
#cgo noescape dbnloop_reactor_timer
#cgo nocallback dbnloop_reactor_timer
#cgo nocallback dbnloop_reactor_cancel
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// ABIVersion is the header's; it must equal the library's LibraryABIVersion.
const ABIVersion = C.DBNLOOP_ABI_VERSION

// Unset leaves a signed option to the gateway.
const Unset = C.DBNLOOP_UNSET

// LibraryABIVersion is dbnloop_abi_version: that of the library which is linked.
func LibraryABIVersion() uint32 { return uint32(C.dbnloop_abi_version()) }

// LibraryVersion is dbnloop_version, e.g. "0.1.0".
func LibraryVersion() string { return C.GoString(C.dbnloop_version()) }

// StatusName is dbnloop_status_name.
func StatusName(code uint32) string { return C.GoString(C.dbnloop_status_name(C.uint32_t(code))) }

// Error is what a failed call reports.
type Error struct {
	Code    uint32
	Errno   int32
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", StatusName(e.Code), e.Message) }

func failed(status C.dbnloop_status, e *C.dbnloop_error) *Error {
	if status == C.DBNLOOP_OK {
		return nil
	}
	return &Error{uint32(e.code), int32(e.os_errno), C.GoString(&e.message[0])}
}

// Reactor is a dbnloop_reactor with the memory that a poll needs, so that polling
// allocates nothing.
type Reactor struct {
	handle *C.dbnloop_reactor
	events *C.dbnloop_event
	count  C.size_t
	err    C.dbnloop_error
}

// ReactorOptions mirrors dbnloop_reactor_options, whose defaults are its zero value.
type ReactorOptions struct {
	SpinUs int32
}

// ReactorNew is dbnloop_reactor_new_with.
func ReactorNew(options ReactorOptions) (*Reactor, *Error) {
	var o C.dbnloop_reactor_options
	C.dbnloop_reactor_options_init(&o)
	o.spin_us = C.int32_t(options.SpinUs)
	r := &Reactor{}
	if e := failed(C.dbnloop_reactor_new_with(&o, &r.handle, &r.err), &r.err); e != nil {
		return nil, e
	}
	return r, nil
}

// AcceptMixed is dbnloop_reactor_accept_mixed with 1.
func (r *Reactor) AcceptMixed() { C.dbnloop_reactor_accept_mixed(r.handle, 1) }

// Free is dbnloop_reactor_free.
func (r *Reactor) Free() {
	C.dbnloop_reactor_free(r.handle)
	r.handle = nil
}

// Poll is dbnloop_reactor_poll. The events are C memory, valid until the next call.
func (r *Reactor) Poll(timeoutMs int32) ([]Event, *Error) {
	status := C.dbnloop_reactor_poll(r.handle, C.int32_t(timeoutMs), &r.events, &r.count, &r.err)
	if status != C.DBNLOOP_OK {
		return nil, failed(status, &r.err)
	}
	return unsafe.Slice((*Event)(unsafe.Pointer(r.events)), int(r.count)), nil
}

// Fd is dbnloop_reactor_fd, with its errno when it is -1.
func (r *Reactor) Fd() (int, error) {
	fd, errno := C.dbnloop_reactor_fd(r.handle)
	if fd < 0 {
		return -1, errno
	}
	return int(fd), nil
}

// Wake is dbnloop_reactor_wake. Any goroutine may call it until Free.
func (r *Reactor) Wake() { C.dbnloop_reactor_wake(r.handle) }

// Add is dbnloop_reactor_add.
func (r *Reactor) Add(fd int, events uint32, userdata uint64) *Error {
	return failed(C.dbnloop_reactor_add(r.handle, C.int(fd), C.uint32_t(events), C.uint64_t(userdata), &r.err), &r.err)
}

// Modify is dbnloop_reactor_modify.
func (r *Reactor) Modify(fd int, events uint32) *Error {
	return failed(C.dbnloop_reactor_modify(r.handle, C.int(fd), C.uint32_t(events), &r.err), &r.err)
}

// Remove is dbnloop_reactor_remove.
func (r *Reactor) Remove(fd int) *Error {
	return failed(C.dbnloop_reactor_remove(r.handle, C.int(fd), &r.err), &r.err)
}

// Timer is dbnloop_reactor_timer.
func (r *Reactor) Timer(delayNs, periodNs uint64) (uint64, *Error) {
	var id C.uint64_t
	e := failed(C.dbnloop_reactor_timer(r.handle, C.uint64_t(delayNs), C.uint64_t(periodNs), &id, &r.err), &r.err)
	return uint64(id), e
}

// Cancel is dbnloop_reactor_cancel.
func (r *Reactor) Cancel(id uint64) bool {
	return C.dbnloop_reactor_cancel(r.handle, C.uint64_t(id)) != 0
}
