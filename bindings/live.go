//go:build linux

package bindings

/*
#include <stdlib.h>
#include "dbnloop.h"

#cgo noescape dbnloop_live_options_init
#cgo nocallback dbnloop_live_options_init
#cgo noescape dbnloop_subscription_init
#cgo nocallback dbnloop_subscription_init
#cgo noescape dbnloop_live_new
#cgo nocallback dbnloop_live_new
#cgo nocallback dbnloop_live_free
#cgo nocallback dbnloop_live_id
#cgo noescape dbnloop_live_connect
#cgo nocallback dbnloop_live_connect
#cgo noescape dbnloop_live_subscribe
#cgo nocallback dbnloop_live_subscribe
#cgo noescape dbnloop_unsubscription_init
#cgo nocallback dbnloop_unsubscription_init
#cgo noescape dbnloop_live_unsubscribe
#cgo nocallback dbnloop_live_unsubscribe
#cgo noescape dbnloop_live_subscriptions
#cgo nocallback dbnloop_live_subscriptions
#cgo nocallback dbnloop_effective_set_free
#cgo noescape dbnloop_live_start
#cgo nocallback dbnloop_live_start
#cgo noescape dbnloop_live_stop
#cgo nocallback dbnloop_live_stop
#cgo nocallback dbnloop_live_close
#cgo nocallback dbnloop_live_pause
#cgo nocallback dbnloop_live_resume
#cgo nocallback dbnloop_live_get_state
#cgo nocallback dbnloop_live_session_id
#cgo nocallback dbnloop_live_session_id_text
#cgo nocallback dbnloop_live_fd
*/
import "C"

import "unsafe"

// Options are the options that every kind of client has.
type Options struct {
	UpgradePolicy           int32
	BufferSize, MaxMetadata uint64
}

// NetworkOptions are the options that the clients that connect have.
type NetworkOptions struct {
	UserAgentExtension, NameServers    string
	ConnectTimeoutMs, ResolveTimeoutMs int32
}

// LiveOptions mirrors dbnloop_live_options; LiveOptionsDefault fills in the defaults.
type LiveOptions struct {
	Options
	NetworkOptions
	Dataset                     string
	TsOut                       bool
	HeartbeatIntervalS          int32
	HeartbeatGraceMs            int32
	SlowReaderBehavior          int32
	Compression                 int32
	AuthTimeoutMs, AckTimeoutMs int32
	ReceiveBuffer               uint64
	BusyPollUs                  int32
	QuickAck                    bool
}

// LiveOptionsDefault is dbnloop_live_options_init.
func LiveOptionsDefault() LiveOptions {
	var o C.dbnloop_live_options
	C.dbnloop_live_options_init(&o)
	return LiveOptions{
		Options: Options{
			UpgradePolicy: int32(o.upgrade_policy),
			BufferSize:    uint64(o.buffer_size),
			MaxMetadata:   uint64(o.max_metadata),
		},
		NetworkOptions: NetworkOptions{
			ConnectTimeoutMs: int32(o.connect_timeout_ms),
			ResolveTimeoutMs: int32(o.resolve_timeout_ms),
		},
		HeartbeatIntervalS: int32(o.heartbeat_interval_s),
		HeartbeatGraceMs:   int32(o.heartbeat_grace_ms),
		SlowReaderBehavior: int32(o.slow_reader_behavior),
		Compression:        int32(o.compression),
		AuthTimeoutMs:      int32(o.auth_timeout_ms),
		AckTimeoutMs:       int32(o.ack_timeout_ms),
		ReceiveBuffer:      uint64(o.receive_buffer),
		BusyPollUs:         int32(o.busy_poll_us),
		QuickAck:           o.quick_ack != 0,
	}
}

// Subscription mirrors dbnloop_subscription. Symbols are comma-separated.
type Subscription struct {
	Dataset, Symbols string
	Schema, StypeIn  uint32
	Snapshot         bool
	HasStart         bool
	Start            uint64
}

// fill copies into C memory that the returned function frees.
func (s Subscription) fill(in *C.dbnloop_subscription) (free func()) {
	C.dbnloop_subscription_init(in)
	in.dataset, in.dataset_len = cstring(s.Dataset)
	in.symbols, in.symbols_len = cstring(s.Symbols)
	in.schema, in.stype_in = C.uint32_t(s.Schema), C.uint32_t(s.StypeIn)
	in.snapshot, in.has_start = flag(s.Snapshot), flag(s.HasStart)
	in.start = C.uint64_t(s.Start)
	dataset, symbols := in.dataset, in.symbols
	return func() {
		C.free(unsafe.Pointer(dataset))
		C.free(unsafe.Pointer(symbols))
	}
}

// Unsubscription mirrors dbnloop_unsubscription. Symbols are comma-separated.
type Unsubscription struct {
	Dataset, Symbols string
	Schema, StypeIn  uint32
}

// EffectiveRequest mirrors dbnloop_effective_request.
type EffectiveRequest struct {
	ID             uint32
	Subscription   Subscription   // if ID is not 0
	Unsubscription Unsubscription // if ID is 0
}

// Live is a dbnloop_live.
type Live struct {
	handle *C.dbnloop_live
	err    C.dbnloop_error
}

func flag(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// cstring copies into C memory: a C struct may not point to Go memory. The copy of nothing
// is NULL. The caller frees it.
func cstring(s string) (*C.char, C.size_t) {
	if s == "" {
		return nil, 0
	}
	return C.CString(s), C.size_t(len(s))
}

// LiveNew is dbnloop_live_new. The key is not copied into C memory that outlives the call.
func LiveNew(r *Reactor, apiKey string, options LiveOptions) (*Live, *Error) {
	var o C.dbnloop_live_options
	defer options.fill(&o)()

	l := &Live{}
	key := []byte(apiKey + "\x00") // never empty, so that its address exists
	status := C.dbnloop_live_new(r.handle, (*C.char)(unsafe.Pointer(&key[0])), C.size_t(len(apiKey)), &o, &l.handle, &l.err)
	clear(key)
	if e := failed(status, &l.err); e != nil {
		return nil, e
	}
	return l, nil
}

// fill copies into C memory that the returned function frees.
func (options *LiveOptions) fill(o *C.dbnloop_live_options) (free func()) {
	C.dbnloop_live_options_init(o)
	o.dataset, o.dataset_len = cstring(options.Dataset)
	o.user_agent_extension, o.user_agent_extension_len = cstring(options.UserAgentExtension)
	o.ts_out = flag(options.TsOut)
	o.heartbeat_interval_s = C.int32_t(options.HeartbeatIntervalS)
	o.heartbeat_grace_ms = C.int32_t(options.HeartbeatGraceMs)
	o.slow_reader_behavior = C.int32_t(options.SlowReaderBehavior)
	o.compression = C.int32_t(options.Compression)
	o.upgrade_policy = C.int32_t(options.UpgradePolicy)
	o.connect_timeout_ms = C.int32_t(options.ConnectTimeoutMs)
	o.auth_timeout_ms = C.int32_t(options.AuthTimeoutMs)
	o.buffer_size = C.uint64_t(options.BufferSize)
	o.max_metadata = C.uint64_t(options.MaxMetadata)
	o.ack_timeout_ms = C.int32_t(options.AckTimeoutMs)
	o.resolve_timeout_ms = C.int32_t(options.ResolveTimeoutMs)
	o.name_servers, o.name_servers_len = cstring(options.NameServers)
	o.receive_buffer = C.uint64_t(options.ReceiveBuffer)
	o.busy_poll_us = C.int32_t(options.BusyPollUs)
	o.quick_ack = flag(options.QuickAck)
	dataset, agent, servers := o.dataset, o.user_agent_extension, o.name_servers
	return func() {
		C.free(unsafe.Pointer(dataset))
		C.free(unsafe.Pointer(agent))
		C.free(unsafe.Pointer(servers))
	}
}

// Free is dbnloop_live_free.
func (l *Live) Free() {
	C.dbnloop_live_free(l.handle)
	l.handle = nil
}

// ID is dbnloop_live_id.
func (l *Live) ID() uint64 { return uint64(C.dbnloop_live_id(l.handle)) }

// Connect is dbnloop_live_connect.
func (l *Live) Connect(gateway string, port int32) *Error {
	text, size := cstring(gateway)
	defer C.free(unsafe.Pointer(text))
	return failed(C.dbnloop_live_connect(l.handle, text, size, C.int32_t(port), &l.err), &l.err)
}

// Subscribe is dbnloop_live_subscribe.
func (l *Live) Subscribe(s Subscription) (uint32, *Error) {
	var in C.dbnloop_subscription
	defer s.fill(&in)()
	var id C.uint32_t
	e := failed(C.dbnloop_live_subscribe(l.handle, &in, &id, &l.err), &l.err)
	return uint32(id), e
}

// fill copies into C memory that the returned function frees.
func (u Unsubscription) fill(in *C.dbnloop_unsubscription) (free func()) {
	C.dbnloop_unsubscription_init(in)
	in.dataset, in.dataset_len = cstring(u.Dataset)
	in.symbols, in.symbols_len = cstring(u.Symbols)
	in.schema, in.stype_in = C.uint32_t(u.Schema), C.uint32_t(u.StypeIn)
	dataset, symbols := in.dataset, in.symbols
	return func() {
		C.free(unsafe.Pointer(dataset))
		C.free(unsafe.Pointer(symbols))
	}
}

// Unsubscribe is dbnloop_live_unsubscribe.
func (l *Live) Unsubscribe(u Unsubscription) *Error {
	var in C.dbnloop_unsubscription
	defer u.fill(&in)()
	return failed(C.dbnloop_live_unsubscribe(l.handle, &in, &l.err), &l.err)
}

// Subscriptions is dbnloop_live_subscriptions, copied.
func (l *Live) Subscriptions() ([]EffectiveRequest, *Error) {
	var set *C.dbnloop_effective_set
	if e := failed(C.dbnloop_live_subscriptions(l.handle, &set, &l.err), &l.err); e != nil {
		return nil, e
	}
	return takeEffectiveSet(set), nil
}

// takeEffectiveSet copies a set and frees it.
func takeEffectiveSet(set *C.dbnloop_effective_set) []EffectiveRequest {
	defer C.dbnloop_effective_set_free(set)
	requests := make([]EffectiveRequest, 0, set.count)
	for _, r := range unsafe.Slice(set.requests, set.count) {
		request := EffectiveRequest{ID: uint32(r.id)}
		if s := r.subscription; r.id != 0 {
			request.Subscription = Subscription{
				Dataset: C.GoStringN(s.dataset, C.int(s.dataset_len)),
				Symbols: C.GoStringN(s.symbols, C.int(s.symbols_len)),
				Schema:  uint32(s.schema), StypeIn: uint32(s.stype_in),
				Snapshot: s.snapshot != 0, HasStart: s.has_start != 0, Start: uint64(s.start),
			}
		} else {
			u := r.unsubscription
			request.Unsubscription = Unsubscription{
				Dataset: C.GoStringN(u.dataset, C.int(u.dataset_len)),
				Symbols: C.GoStringN(u.symbols, C.int(u.symbols_len)),
				Schema:  uint32(u.schema), StypeIn: uint32(u.stype_in),
			}
		}
		requests = append(requests, request)
	}
	return requests
}

// Start is dbnloop_live_start.
func (l *Live) Start() *Error { return failed(C.dbnloop_live_start(l.handle, &l.err), &l.err) }

// Stop is dbnloop_live_stop.
func (l *Live) Stop() *Error { return failed(C.dbnloop_live_stop(l.handle, &l.err), &l.err) }

// Close is dbnloop_live_close.
func (l *Live) Close() { C.dbnloop_live_close(l.handle) }

// Pause is dbnloop_live_pause.
func (l *Live) Pause() { C.dbnloop_live_pause(l.handle) }

// Resume is dbnloop_live_resume.
func (l *Live) Resume() { C.dbnloop_live_resume(l.handle) }

// State is dbnloop_live_get_state.
func (l *Live) State() uint32 { return uint32(C.dbnloop_live_get_state(l.handle)) }

// SessionID is dbnloop_live_session_id.
func (l *Live) SessionID() uint64 { return uint64(C.dbnloop_live_session_id(l.handle)) }

// SessionIDText is dbnloop_live_session_id_text, copied.
func (l *Live) SessionIDText() string { return C.GoString(C.dbnloop_live_session_id_text(l.handle)) }

// Fd is dbnloop_live_fd.
func (l *Live) Fd() int { return int(C.dbnloop_live_fd(l.handle)) }
