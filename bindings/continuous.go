//go:build linux

package bindings

/*
#include <stdlib.h>
#include "dbnloop.h"

#cgo noescape dbnloop_continuous_options_init
#cgo nocallback dbnloop_continuous_options_init
#cgo noescape dbnloop_continuous_new
#cgo nocallback dbnloop_continuous_new
#cgo nocallback dbnloop_continuous_free
#cgo nocallback dbnloop_continuous_id
#cgo noescape dbnloop_continuous_subscribe
#cgo nocallback dbnloop_continuous_subscribe
#cgo noescape dbnloop_continuous_start
#cgo nocallback dbnloop_continuous_start
#cgo noescape dbnloop_continuous_stop
#cgo nocallback dbnloop_continuous_stop
#cgo nocallback dbnloop_continuous_pause
#cgo nocallback dbnloop_continuous_resume
#cgo noescape dbnloop_continuous_position
#cgo nocallback dbnloop_continuous_position
#cgo noescape dbnloop_continuous_resume_from
#cgo nocallback dbnloop_continuous_resume_from
#cgo nocallback dbnloop_continuous_get_state
#cgo nocallback dbnloop_continuous_spent
*/
import "C"

import "unsafe"

// ContinuousOptions mirrors dbnloop_continuous_options; ContinuousOptionsDefault fills in the
// defaults. MaxCost is used when HasMaxCost.
type ContinuousOptions struct {
	Live                   LiveOptions
	History                HistoricalOptions
	Gateway                string
	Port                   int32
	MinDelayMs, MaxDelayMs int32
	GiveUpAfterMs          int64
	Memory                 uint64
	ReplayLimitS           int64
	HasMaxCost             bool
	MaxCost                float64
}

// ContinuousOptionsDefault is dbnloop_continuous_options_init, with the defaults of both kinds
// of sessions.
func ContinuousOptionsDefault() ContinuousOptions {
	var o C.dbnloop_continuous_options
	C.dbnloop_continuous_options_init(&o)
	return ContinuousOptions{
		Live:          LiveOptionsDefault(),
		History:       HistoricalOptionsDefault(),
		Port:          int32(o.port),
		MinDelayMs:    int32(o.min_delay_ms),
		MaxDelayMs:    int32(o.max_delay_ms),
		GiveUpAfterMs: int64(o.give_up_after_ms),
		Memory:        uint64(o.memory),
		ReplayLimitS:  int64(o.replay_limit_s),
	}
}

// Continuous is a dbnloop_continuous.
type Continuous struct {
	handle *C.dbnloop_continuous
	err    C.dbnloop_error
}

// ContinuousNew is dbnloop_continuous_new. The key is not copied into C memory that outlives
// the call.
func ContinuousNew(r *Reactor, apiKey string, options ContinuousOptions) (*Continuous, *Error) {
	var o C.dbnloop_continuous_options
	C.dbnloop_continuous_options_init(&o)
	o.live = (*C.dbnloop_live_options)(C.calloc(1, C.sizeof_dbnloop_live_options))
	defer C.free(unsafe.Pointer(o.live))
	defer options.Live.fill(o.live)()
	o.history = (*C.dbnloop_historical_options)(C.calloc(1, C.sizeof_dbnloop_historical_options))
	defer C.free(unsafe.Pointer(o.history))
	defer options.History.fill(o.history)()
	o.gateway, o.gateway_len = cstring(options.Gateway)
	defer C.free(unsafe.Pointer(o.gateway))
	o.port = C.int32_t(options.Port)
	o.min_delay_ms, o.max_delay_ms = C.int32_t(options.MinDelayMs), C.int32_t(options.MaxDelayMs)
	o.give_up_after_ms = C.int64_t(options.GiveUpAfterMs)
	o.memory = C.uint64_t(options.Memory)
	o.replay_limit_s = C.int64_t(options.ReplayLimitS)
	o.has_max_cost, o.max_cost = flag(options.HasMaxCost), C.double(options.MaxCost)

	c := &Continuous{}
	key := []byte(apiKey + "\x00") // never empty, so that its address exists
	status := C.dbnloop_continuous_new(r.handle, (*C.char)(unsafe.Pointer(&key[0])), C.size_t(len(apiKey)), &o, &c.handle, &c.err)
	clear(key)
	if e := failed(status, &c.err); e != nil {
		return nil, e
	}
	return c, nil
}

// Free is dbnloop_continuous_free.
func (c *Continuous) Free() {
	C.dbnloop_continuous_free(c.handle)
	c.handle = nil
}

// ID is dbnloop_continuous_id.
func (c *Continuous) ID() uint64 { return uint64(C.dbnloop_continuous_id(c.handle)) }

// Subscribe is dbnloop_continuous_subscribe.
func (c *Continuous) Subscribe(s Subscription, policy uint32) (uint32, *Error) {
	var in C.dbnloop_subscription
	defer s.fill(&in)()
	var id C.uint32_t
	e := failed(C.dbnloop_continuous_subscribe(c.handle, &in, C.uint32_t(policy), &id, &c.err), &c.err)
	return uint32(id), e
}

// Unsubscribe is dbnloop_continuous_unsubscribe.
func (c *Continuous) Unsubscribe(u Unsubscription) *Error {
	var in C.dbnloop_unsubscription
	defer u.fill(&in)()
	return failed(C.dbnloop_continuous_unsubscribe(c.handle, &in, &c.err), &c.err)
}

// Subscriptions is dbnloop_continuous_subscriptions, copied.
func (c *Continuous) Subscriptions() ([]EffectiveRequest, *Error) {
	var set *C.dbnloop_effective_set
	if e := failed(C.dbnloop_continuous_subscriptions(c.handle, &set, &c.err), &c.err); e != nil {
		return nil, e
	}
	return takeEffectiveSet(set), nil
}

// Start is dbnloop_continuous_start.
func (c *Continuous) Start() *Error {
	return failed(C.dbnloop_continuous_start(c.handle, &c.err), &c.err)
}

// Stop is dbnloop_continuous_stop.
func (c *Continuous) Stop() *Error {
	return failed(C.dbnloop_continuous_stop(c.handle, &c.err), &c.err)
}

// Close is Stop; Free ends all else.
func (c *Continuous) Close() { c.Stop() }

// Pause is dbnloop_continuous_pause.
func (c *Continuous) Pause() { C.dbnloop_continuous_pause(c.handle) }

// Resume is dbnloop_continuous_resume.
func (c *Continuous) Resume() { C.dbnloop_continuous_resume(c.handle) }

// Position is dbnloop_continuous_position, copied.
func (c *Continuous) Position() ([]byte, *Error) {
	var data unsafe.Pointer
	var size C.size_t
	if e := failed(C.dbnloop_continuous_position(c.handle, &data, &size, &c.err), &c.err); e != nil {
		return nil, e
	}
	return C.GoBytes(data, C.int(size)), nil
}

// ResumeFrom is dbnloop_continuous_resume_from.
func (c *Continuous) ResumeFrom(position []byte) *Error {
	return failed(C.dbnloop_continuous_resume_from(c.handle, unsafe.Pointer(unsafe.SliceData(position)), C.size_t(len(position)), &c.err), &c.err)
}

// State is dbnloop_continuous_get_state.
func (c *Continuous) State() uint32 { return uint32(C.dbnloop_continuous_get_state(c.handle)) }

// Spent is dbnloop_continuous_spent.
func (c *Continuous) Spent() float64 { return float64(C.dbnloop_continuous_spent(c.handle)) }
