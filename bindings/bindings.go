package bindings

/*
#include "dbnloop.h"

// Nothing in the C API calls back into Go or keeps a pointer that it was given.
#cgo noescape dbnloop_reactor_new
#cgo nocallback dbnloop_reactor_new
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

	_ "github.com/dbnloop/dbnloop/capi" // so that vendoring keeps the header
)

// ABIVersion is the header's; it must equal the library's LibraryABIVersion.
const ABIVersion = C.DBNLOOP_ABI_VERSION

// Event kinds.
const (
	EventRecords  = C.DBNLOOP_EVENT_RECORDS
	EventMetadata = C.DBNLOOP_EVENT_METADATA
	EventState    = C.DBNLOOP_EVENT_STATE
	EventError    = C.DBNLOOP_EVENT_ERROR
	EventTimer    = C.DBNLOOP_EVENT_TIMER
	EventFd       = C.DBNLOOP_EVENT_FD
	EventComplete = C.DBNLOOP_EVENT_COMPLETE
	EventWarning  = C.DBNLOOP_EVENT_WARNING
	EventResponse = C.DBNLOOP_EVENT_RESPONSE
	EventProgress = C.DBNLOOP_EVENT_PROGRESS
	EventSession  = C.DBNLOOP_EVENT_SESSION
)

// FlagTsOut: records carry a ts_out.
const FlagTsOut = C.DBNLOOP_FLAG_TS_OUT

// Unset leaves a signed option to the gateway.
const Unset = C.DBNLOOP_UNSET

// Run mirrors dbnloop_run.
type Run struct {
	Count      uint32
	RecordSize uint16
	RType      uint8
	Typed      uint8
}

// Event mirrors dbnloop_event; its pointers are C memory, valid until the next Poll.
type Event struct {
	Kind, Flags uint32
	Source      uint64
	Code        uint32
	Errno       int32
	Data        unsafe.Pointer
	Size        uintptr
	Runs        *Run
	RunCount    uintptr
	Consumed    uintptr
	HTTP        *HTTPFailure
	Session     *SessionEvent
}

// SessionEvent mirrors dbnloop_session_event, valid as long as its event.
type SessionEvent struct {
	Kind, ErrorCode, SubscriptionID uint32
	Schema, Fatal                   int32
	TsEvent                         uint64
}

// HTTPFailure is a dbnloop_http_failure in C memory, valid as long as its event.
type HTTPFailure struct {
	Status      int32
	Retryable   int32
	RetryAfterS int64
	errorCase   text
	message     text
	docs        text
	requestID   text
	begin       text
	end         text
	payload     text
}

type text struct {
	data unsafe.Pointer
	size uintptr
}

func (t text) String() string { return string(unsafe.Slice((*byte)(t.data), int(t.size))) }

// Case is error_case, copied.
func (h *HTTPFailure) Case() string { return h.errorCase.String() }

// Message is message, copied.
func (h *HTTPFailure) Message() string { return h.message.String() }

// Docs is docs, copied.
func (h *HTTPFailure) Docs() string { return h.docs.String() }

// RequestID is request_id, copied.
func (h *HTTPFailure) RequestID() string { return h.requestID.String() }

// AvailableStart is available_start, copied.
func (h *HTTPFailure) AvailableStart() string { return h.begin.String() }

// AvailableEnd is available_end, copied.
func (h *HTTPFailure) AvailableEnd() string { return h.end.String() }

// Payload is payload, copied.
func (h *HTTPFailure) Payload() string { return h.payload.String() }

// The mirrors are the header's structs, or this does not compile: every offset of one is
// compared with that of the other.
var (
	_ [unsafe.Sizeof(Event{})]struct{}            = [unsafe.Sizeof(C.dbnloop_event{})]struct{}{}
	_ [unsafe.Offsetof(Event{}.Kind)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.kind)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Flags)]struct{}    = [unsafe.Offsetof(C.dbnloop_event{}.flags)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Source)]struct{}   = [unsafe.Offsetof(C.dbnloop_event{}.source)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Code)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.code)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Errno)]struct{}    = [unsafe.Offsetof(C.dbnloop_event{}.os_errno)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Data)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.data)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Size)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.size)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Runs)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.runs)]struct{}{}
	_ [unsafe.Offsetof(Event{}.RunCount)]struct{} = [unsafe.Offsetof(C.dbnloop_event{}.run_count)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Consumed)]struct{} = [unsafe.Offsetof(C.dbnloop_event{}.consumed)]struct{}{}
	_ [unsafe.Offsetof(Event{}.HTTP)]struct{}     = [unsafe.Offsetof(C.dbnloop_event{}.http)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Session)]struct{}  = [unsafe.Offsetof(C.dbnloop_event{}.session)]struct{}{}

	_ [unsafe.Sizeof(SessionEvent{})]struct{}                  = [unsafe.Sizeof(C.dbnloop_session_event{})]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Kind)]struct{}           = [unsafe.Offsetof(C.dbnloop_session_event{}.kind)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.ErrorCode)]struct{}      = [unsafe.Offsetof(C.dbnloop_session_event{}.error_code)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.SubscriptionID)]struct{} = [unsafe.Offsetof(C.dbnloop_session_event{}.subscription_id)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Schema)]struct{}         = [unsafe.Offsetof(C.dbnloop_session_event{}.schema)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Fatal)]struct{}          = [unsafe.Offsetof(C.dbnloop_session_event{}.fatal)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.TsEvent)]struct{}        = [unsafe.Offsetof(C.dbnloop_session_event{}.ts_event)]struct{}{}

	_ [unsafe.Sizeof(HTTPFailure{})]struct{}               = [unsafe.Sizeof(C.dbnloop_http_failure{})]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.Retryable)]struct{}   = [unsafe.Offsetof(C.dbnloop_http_failure{}.retryable)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.RetryAfterS)]struct{} = [unsafe.Offsetof(C.dbnloop_http_failure{}.retry_after_s)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.errorCase)]struct{}   = [unsafe.Offsetof(C.dbnloop_http_failure{}.error_case)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.message)]struct{}     = [unsafe.Offsetof(C.dbnloop_http_failure{}.message)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.docs)]struct{}        = [unsafe.Offsetof(C.dbnloop_http_failure{}.docs)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.requestID)]struct{}   = [unsafe.Offsetof(C.dbnloop_http_failure{}.request_id)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.begin)]struct{}       = [unsafe.Offsetof(C.dbnloop_http_failure{}.available_start)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.end)]struct{}         = [unsafe.Offsetof(C.dbnloop_http_failure{}.available_end)]struct{}{}
	_ [unsafe.Offsetof(HTTPFailure{}.payload)]struct{}     = [unsafe.Offsetof(C.dbnloop_http_failure{}.payload)]struct{}{}

	_ [unsafe.Sizeof(Run{})]struct{}              = [unsafe.Sizeof(C.dbnloop_run{})]struct{}{}
	_ [unsafe.Offsetof(Run{}.Count)]struct{}      = [unsafe.Offsetof(C.dbnloop_run{}.count)]struct{}{}
	_ [unsafe.Offsetof(Run{}.RecordSize)]struct{} = [unsafe.Offsetof(C.dbnloop_run{}.record_size)]struct{}{}
	_ [unsafe.Offsetof(Run{}.RType)]struct{}      = [unsafe.Offsetof(C.dbnloop_run{}.rtype)]struct{}{}
	_ [unsafe.Offsetof(Run{}.Typed)]struct{}      = [unsafe.Offsetof(C.dbnloop_run{}.typed)]struct{}{}
)

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

// ReactorNew is dbnloop_reactor_new.
func ReactorNew() (*Reactor, *Error) {
	r := &Reactor{}
	if e := failed(C.dbnloop_reactor_new(&r.handle, &r.err), &r.err); e != nil {
		return nil, e
	}
	return r, nil
}

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
