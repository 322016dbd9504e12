//go:build linux

package bindings

/*
#include "dbnloop.h"

// The first member of the union: all begin where it does.
enum {
  event_union = offsetof(dbnloop_event, records),
  event_union_size = sizeof(dbnloop_event) - offsetof(dbnloop_event, records)
};
*/
import "C"

import "unsafe"

// Event kinds.
const (
	EventRecords    = C.DBNLOOP_EVENT_RECORDS
	EventMetadata   = C.DBNLOOP_EVENT_METADATA
	EventState      = C.DBNLOOP_EVENT_STATE
	EventError      = C.DBNLOOP_EVENT_ERROR
	EventTimer      = C.DBNLOOP_EVENT_TIMER
	EventFd         = C.DBNLOOP_EVENT_FD
	EventComplete   = C.DBNLOOP_EVENT_COMPLETE
	EventWarning    = C.DBNLOOP_EVENT_WARNING
	EventResponse   = C.DBNLOOP_EVENT_RESPONSE
	EventProgress   = C.DBNLOOP_EVENT_PROGRESS
	EventSession    = C.DBNLOOP_EVENT_SESSION
	EventContinuity = C.DBNLOOP_EVENT_CONTINUITY
)

// Run mirrors dbnloop_run.
type Run struct {
	Count      uint32
	RecordSize uint16
	RType      uint8
	Typed      uint8
}

// Event mirrors dbnloop_event. Its memory is C's and, with all that it points to, valid until
// the next Poll. The methods view the member of its union that Kind selects.
type Event struct {
	Kind   uint32
	Source uint64
	union  [9]uint64
}

// Records is the member of EventRecords.
func (e *Event) Records() *RecordsEvent { return (*RecordsEvent)(unsafe.Pointer(&e.union)) }

// Metadata is the member of EventMetadata.
func (e *Event) Metadata() *MetadataEvent { return (*MetadataEvent)(unsafe.Pointer(&e.union)) }

// State is the member of EventState: a dbnloop_live_state or a dbnloop_continuous_state.
func (e *Event) State() uint32 { return (*stateEvent)(unsafe.Pointer(&e.union)).state }

// Error is the member of EventError.
func (e *Event) Error() *ErrorEvent { return (*ErrorEvent)(unsafe.Pointer(&e.union)) }

// Timer is the member of EventTimer: the timer's id.
func (e *Event) Timer() uint64 { return (*timerEvent)(unsafe.Pointer(&e.union)).id }

// Fd is the member of EventFd.
func (e *Event) Fd() *FdEvent { return (*FdEvent)(unsafe.Pointer(&e.union)) }

// Warning is the member of EventWarning, copied.
func (e *Event) Warning() string { return (*warningEvent)(unsafe.Pointer(&e.union)).text.String() }

// Response is the member of EventResponse.
func (e *Event) Response() *ResponseEvent { return (*ResponseEvent)(unsafe.Pointer(&e.union)) }

// Progress is the member of EventProgress.
func (e *Event) Progress() *ProgressEvent { return (*ProgressEvent)(unsafe.Pointer(&e.union)) }

// Session is the member of EventSession.
func (e *Event) Session() *SessionEvent { return (*SessionEvent)(unsafe.Pointer(&e.union)) }

// Continuity is the member of EventContinuity.
func (e *Event) Continuity() *ContinuityEvent { return (*ContinuityEvent)(unsafe.Pointer(&e.union)) }

// RecordsEvent mirrors dbnloop_records_event.
type RecordsEvent struct {
	Data     unsafe.Pointer
	Size     uintptr
	Runs     *Run
	RunCount uintptr
	Consumed uintptr
	TsOut    int32
	Mixed    *Mixed
}

// Mixed mirrors dbnloop_mixed.
type Mixed struct {
	Heads  *[256]uint16
	Counts *[256]uint32
	Last   uintptr
}

// MetadataEvent mirrors dbnloop_metadata_event.
type MetadataEvent struct {
	data  text
	TsOut int32
}

// Data is the DBN header, in C memory.
func (m *MetadataEvent) Data() []byte { return m.data.bytes() }

type stateEvent struct{ state uint32 }

// ErrorEvent mirrors dbnloop_error_event.
type ErrorEvent struct {
	Code    uint32
	Errno   int32
	message text
	HTTP    *HTTPFailure
}

// Message is message, copied.
func (e *ErrorEvent) Message() string { return e.message.String() }

type timerEvent struct{ id uint64 }

// FdEvent mirrors dbnloop_fd_event.
type FdEvent struct {
	Userdata uint64
	Ready    uint32
}

type warningEvent struct{ text text }

// ResponseEvent mirrors dbnloop_response_event.
type ResponseEvent struct {
	Request  uint64
	Error    ErrorEvent
	body     text
	sha256   *byte
	FileSize uint64
}

// Body is the body of the response to a call, in C memory.
func (r *ResponseEvent) Body() []byte { return r.body.bytes() }

// SHA256 is sha256, copied; "" for a call.
func (r *ResponseEvent) SHA256() string { return C.GoString((*C.char)(unsafe.Pointer(r.sha256))) }

// ProgressEvent mirrors dbnloop_progress_event.
type ProgressEvent struct{ Request, Bytes, Total uint64 }

// SessionEvent mirrors dbnloop_session_event.
type SessionEvent struct {
	Kind, ErrorCode, SubscriptionID uint32
	Schema, Fatal                   int32
	TsEvent                         uint64
	message                         text
}

// Message is message, copied.
func (s *SessionEvent) Message() string { return s.message.String() }

// ContinuityEvent mirrors dbnloop_continuity_event.
type ContinuityEvent struct {
	Kind, Gap, Attempt uint32
	Schema             int32
	DelayMs            uint64
	From, To           uint64
	Replayed, Dropped  uint64
	Cost               float64
	Error              *ErrorEvent // nil: no reason
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

func (t text) bytes() []byte { return unsafe.Slice((*byte)(t.data), int(t.size)) }

func (t text) String() string { return string(t.bytes()) }

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
	_ [unsafe.Sizeof(Event{})]struct{}          = [unsafe.Sizeof(C.dbnloop_event{})]struct{}{}
	_ [unsafe.Offsetof(Event{}.Kind)]struct{}   = [unsafe.Offsetof(C.dbnloop_event{}.kind)]struct{}{}
	_ [unsafe.Offsetof(Event{}.Source)]struct{} = [unsafe.Offsetof(C.dbnloop_event{}.source)]struct{}{}

	_ [unsafe.Offsetof(Event{}.union)]struct{} = [C.event_union]struct{}{}
	_ [unsafe.Sizeof(Event{}.union)]struct{}   = [C.event_union_size]struct{}{}

	_ [unsafe.Sizeof(RecordsEvent{})]struct{}            = [unsafe.Sizeof(C.dbnloop_records_event{})]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.Data)]struct{}     = [unsafe.Offsetof(C.dbnloop_records_event{}.data)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.Size)]struct{}     = [unsafe.Offsetof(C.dbnloop_records_event{}.size)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.Runs)]struct{}     = [unsafe.Offsetof(C.dbnloop_records_event{}.runs)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.RunCount)]struct{} = [unsafe.Offsetof(C.dbnloop_records_event{}.run_count)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.Consumed)]struct{} = [unsafe.Offsetof(C.dbnloop_records_event{}.consumed)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.TsOut)]struct{}    = [unsafe.Offsetof(C.dbnloop_records_event{}.ts_out)]struct{}{}
	_ [unsafe.Offsetof(RecordsEvent{}.Mixed)]struct{}    = [unsafe.Offsetof(C.dbnloop_records_event{}.mixed)]struct{}{}

	_ [unsafe.Sizeof(Mixed{})]struct{}          = [unsafe.Sizeof(C.dbnloop_mixed{})]struct{}{}
	_ [unsafe.Offsetof(Mixed{}.Counts)]struct{} = [unsafe.Offsetof(C.dbnloop_mixed{}.counts)]struct{}{}
	_ [unsafe.Offsetof(Mixed{}.Last)]struct{}   = [unsafe.Offsetof(C.dbnloop_mixed{}.last)]struct{}{}

	_ [unsafe.Sizeof(MetadataEvent{})]struct{}         = [unsafe.Sizeof(C.dbnloop_metadata_event{})]struct{}{}
	_ [unsafe.Offsetof(MetadataEvent{}.data)]struct{}  = [unsafe.Offsetof(C.dbnloop_metadata_event{}.data)]struct{}{}
	_ [unsafe.Offsetof(MetadataEvent{}.TsOut)]struct{} = [unsafe.Offsetof(C.dbnloop_metadata_event{}.ts_out)]struct{}{}

	_ [unsafe.Sizeof(stateEvent{})]struct{}         = [unsafe.Sizeof(C.dbnloop_state_event{})]struct{}{}
	_ [unsafe.Offsetof(stateEvent{}.state)]struct{} = [unsafe.Offsetof(C.dbnloop_state_event{}.state)]struct{}{}

	_ [unsafe.Sizeof(ErrorEvent{})]struct{}           = [unsafe.Sizeof(C.dbnloop_error_event{})]struct{}{}
	_ [unsafe.Offsetof(ErrorEvent{}.Code)]struct{}    = [unsafe.Offsetof(C.dbnloop_error_event{}.code)]struct{}{}
	_ [unsafe.Offsetof(ErrorEvent{}.Errno)]struct{}   = [unsafe.Offsetof(C.dbnloop_error_event{}.os_errno)]struct{}{}
	_ [unsafe.Offsetof(ErrorEvent{}.message)]struct{} = [unsafe.Offsetof(C.dbnloop_error_event{}.message)]struct{}{}
	_ [unsafe.Offsetof(ErrorEvent{}.HTTP)]struct{}    = [unsafe.Offsetof(C.dbnloop_error_event{}.http)]struct{}{}

	_ [unsafe.Sizeof(timerEvent{})]struct{}      = [unsafe.Sizeof(C.dbnloop_timer_event{})]struct{}{}
	_ [unsafe.Offsetof(timerEvent{}.id)]struct{} = [unsafe.Offsetof(C.dbnloop_timer_event{}.id)]struct{}{}

	_ [unsafe.Sizeof(FdEvent{})]struct{}            = [unsafe.Sizeof(C.dbnloop_fd_event{})]struct{}{}
	_ [unsafe.Offsetof(FdEvent{}.Userdata)]struct{} = [unsafe.Offsetof(C.dbnloop_fd_event{}.userdata)]struct{}{}
	_ [unsafe.Offsetof(FdEvent{}.Ready)]struct{}    = [unsafe.Offsetof(C.dbnloop_fd_event{}.ready)]struct{}{}

	_ [unsafe.Sizeof(warningEvent{})]struct{}        = [unsafe.Sizeof(C.dbnloop_warning_event{})]struct{}{}
	_ [unsafe.Offsetof(warningEvent{}.text)]struct{} = [unsafe.Offsetof(C.dbnloop_warning_event{}.text)]struct{}{}

	_ [unsafe.Sizeof(ResponseEvent{})]struct{}            = [unsafe.Sizeof(C.dbnloop_response_event{})]struct{}{}
	_ [unsafe.Offsetof(ResponseEvent{}.Request)]struct{}  = [unsafe.Offsetof(C.dbnloop_response_event{}.request)]struct{}{}
	_ [unsafe.Offsetof(ResponseEvent{}.Error)]struct{}    = [unsafe.Offsetof(C.dbnloop_response_event{}.error)]struct{}{}
	_ [unsafe.Offsetof(ResponseEvent{}.body)]struct{}     = [unsafe.Offsetof(C.dbnloop_response_event{}.body)]struct{}{}
	_ [unsafe.Offsetof(ResponseEvent{}.sha256)]struct{}   = [unsafe.Offsetof(C.dbnloop_response_event{}.sha256)]struct{}{}
	_ [unsafe.Offsetof(ResponseEvent{}.FileSize)]struct{} = [unsafe.Offsetof(C.dbnloop_response_event{}.file_size)]struct{}{}

	_ [unsafe.Sizeof(ProgressEvent{})]struct{}           = [unsafe.Sizeof(C.dbnloop_progress_event{})]struct{}{}
	_ [unsafe.Offsetof(ProgressEvent{}.Request)]struct{} = [unsafe.Offsetof(C.dbnloop_progress_event{}.request)]struct{}{}
	_ [unsafe.Offsetof(ProgressEvent{}.Bytes)]struct{}   = [unsafe.Offsetof(C.dbnloop_progress_event{}.bytes)]struct{}{}
	_ [unsafe.Offsetof(ProgressEvent{}.Total)]struct{}   = [unsafe.Offsetof(C.dbnloop_progress_event{}.total)]struct{}{}

	_ [unsafe.Sizeof(SessionEvent{})]struct{}                  = [unsafe.Sizeof(C.dbnloop_session_event{})]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Kind)]struct{}           = [unsafe.Offsetof(C.dbnloop_session_event{}.kind)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.ErrorCode)]struct{}      = [unsafe.Offsetof(C.dbnloop_session_event{}.error_code)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.SubscriptionID)]struct{} = [unsafe.Offsetof(C.dbnloop_session_event{}.subscription_id)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Schema)]struct{}         = [unsafe.Offsetof(C.dbnloop_session_event{}.schema)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.Fatal)]struct{}          = [unsafe.Offsetof(C.dbnloop_session_event{}.fatal)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.TsEvent)]struct{}        = [unsafe.Offsetof(C.dbnloop_session_event{}.ts_event)]struct{}{}
	_ [unsafe.Offsetof(SessionEvent{}.message)]struct{}        = [unsafe.Offsetof(C.dbnloop_session_event{}.message)]struct{}{}

	_ [unsafe.Sizeof(ContinuityEvent{})]struct{}            = [unsafe.Sizeof(C.dbnloop_continuity_event{})]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Kind)]struct{}     = [unsafe.Offsetof(C.dbnloop_continuity_event{}.kind)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Gap)]struct{}      = [unsafe.Offsetof(C.dbnloop_continuity_event{}.gap)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Attempt)]struct{}  = [unsafe.Offsetof(C.dbnloop_continuity_event{}.attempt)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Schema)]struct{}   = [unsafe.Offsetof(C.dbnloop_continuity_event{}.schema)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.DelayMs)]struct{}  = [unsafe.Offsetof(C.dbnloop_continuity_event{}.delay_ms)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.From)]struct{}     = [unsafe.Offsetof(C.dbnloop_continuity_event{}.from)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.To)]struct{}       = [unsafe.Offsetof(C.dbnloop_continuity_event{}.to)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Replayed)]struct{} = [unsafe.Offsetof(C.dbnloop_continuity_event{}.replayed)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Dropped)]struct{}  = [unsafe.Offsetof(C.dbnloop_continuity_event{}.dropped)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Cost)]struct{}     = [unsafe.Offsetof(C.dbnloop_continuity_event{}.cost)]struct{}{}
	_ [unsafe.Offsetof(ContinuityEvent{}.Error)]struct{}    = [unsafe.Offsetof(C.dbnloop_continuity_event{}.error)]struct{}{}

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
