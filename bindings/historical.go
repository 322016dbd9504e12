//go:build linux

package bindings

/*
#include <stdlib.h>
#include "dbnloop.h"

#cgo noescape dbnloop_historical_options_init
#cgo nocallback dbnloop_historical_options_init
#cgo noescape dbnloop_range_init
#cgo nocallback dbnloop_range_init
#cgo noescape dbnloop_download_init
#cgo nocallback dbnloop_download_init
#cgo noescape dbnloop_historical_new
#cgo nocallback dbnloop_historical_new
#cgo nocallback dbnloop_historical_free
#cgo nocallback dbnloop_historical_id
#cgo noescape dbnloop_historical_request
#cgo nocallback dbnloop_historical_request
#cgo noescape dbnloop_historical_start
#cgo nocallback dbnloop_historical_start
#cgo noescape dbnloop_historical_stop
#cgo nocallback dbnloop_historical_stop
#cgo nocallback dbnloop_historical_pause
#cgo nocallback dbnloop_historical_resume
#cgo noescape dbnloop_historical_call
#cgo nocallback dbnloop_historical_call
#cgo noescape dbnloop_historical_download
#cgo nocallback dbnloop_historical_download
#cgo nocallback dbnloop_historical_cancel
*/
import "C"

import "unsafe"

// HistoricalOptions mirrors dbnloop_historical_options; HistoricalOptionsDefault fills in the defaults. An
// empty URL is the service's; Proxy is used when HasProxy.
type HistoricalOptions struct {
	Options
	NetworkOptions
	URL, CAFile, CADir, Proxy       string
	HasProxy                        bool
	MaxRetries                      int32
	TLSTimeoutMs, ResponseTimeoutMs int32
	IdleTimeoutMs                   int32
}

// HistoricalOptionsDefault is dbnloop_historical_options_init.
func HistoricalOptionsDefault() HistoricalOptions {
	var o C.dbnloop_historical_options
	C.dbnloop_historical_options_init(&o)
	return HistoricalOptions{
		Options: Options{
			UpgradePolicy: int32(o.upgrade_policy),
			BufferSize:    uint64(o.buffer_size),
			MaxMetadata:   uint64(o.max_metadata),
		},
		NetworkOptions: NetworkOptions{
			ConnectTimeoutMs: int32(o.connect_timeout_ms),
			ResolveTimeoutMs: int32(o.resolve_timeout_ms),
		},
		MaxRetries:        int32(o.max_retries),
		TLSTimeoutMs:      int32(o.tls_timeout_ms),
		ResponseTimeoutMs: int32(o.response_timeout_ms),
		IdleTimeoutMs:     int32(o.idle_timeout_ms),
	}
}

// Range mirrors dbnloop_range. Symbols are comma-separated.
type Range struct {
	Dataset, Symbols          string
	Schema, StypeIn, StypeOut uint32
	HasEnd                    bool
	Start, End, Limit         uint64
}

// fill copies into C memory that the returned function frees.
func (in Range) fill(out *C.dbnloop_range) (free func()) {
	C.dbnloop_range_init(out)
	out.dataset, out.dataset_len = cstring(in.Dataset)
	out.symbols, out.symbols_len = cstring(in.Symbols)
	out.schema, out.stype_in, out.stype_out = C.uint32_t(in.Schema), C.uint32_t(in.StypeIn), C.uint32_t(in.StypeOut)
	out.has_end = flag(in.HasEnd)
	out.start, out.end, out.limit = C.uint64_t(in.Start), C.uint64_t(in.End), C.uint64_t(in.Limit)
	dataset, symbols := unsafe.Pointer(out.dataset), unsafe.Pointer(out.symbols)
	return func() {
		C.free(dataset)
		C.free(symbols)
	}
}

// Historical is a dbnloop_historical.
type Historical struct {
	handle *C.dbnloop_historical
	err    C.dbnloop_error
}

// HistoricalNew is dbnloop_historical_new. The key is not copied into C memory that outlives the call.
func HistoricalNew(r *Reactor, apiKey string, options HistoricalOptions) (*Historical, *Error) {
	var o C.dbnloop_historical_options
	defer options.fill(&o)()

	h := &Historical{}
	key := []byte(apiKey + "\x00") // never empty, so that its address exists
	status := C.dbnloop_historical_new(r.handle, (*C.char)(unsafe.Pointer(&key[0])), C.size_t(len(apiKey)), &o, &h.handle, &h.err)
	clear(key)
	if e := failed(status, &h.err); e != nil {
		return nil, e
	}
	return h, nil
}

// fill copies into C memory that the returned function frees.
func (options *HistoricalOptions) fill(o *C.dbnloop_historical_options) (free func()) {
	C.dbnloop_historical_options_init(o)
	o.url, o.url_len = cstring(options.URL)
	o.ca_file, o.ca_file_len = cstring(options.CAFile)
	o.ca_dir, o.ca_dir_len = cstring(options.CADir)
	if options.HasProxy {
		o.proxy, o.proxy_len = C.CString(options.Proxy), C.size_t(len(options.Proxy))
	}
	o.user_agent_extension, o.user_agent_extension_len = cstring(options.UserAgentExtension)
	o.upgrade_policy = C.int32_t(options.UpgradePolicy)
	o.max_retries = C.int32_t(options.MaxRetries)
	o.connect_timeout_ms = C.int32_t(options.ConnectTimeoutMs)
	o.tls_timeout_ms = C.int32_t(options.TLSTimeoutMs)
	o.response_timeout_ms = C.int32_t(options.ResponseTimeoutMs)
	o.idle_timeout_ms = C.int32_t(options.IdleTimeoutMs)
	o.buffer_size = C.uint64_t(options.BufferSize)
	o.max_metadata = C.uint64_t(options.MaxMetadata)
	o.resolve_timeout_ms = C.int32_t(options.ResolveTimeoutMs)
	o.name_servers, o.name_servers_len = cstring(options.NameServers)
	texts := [...]*C.char{o.url, o.ca_file, o.ca_dir, o.proxy, o.user_agent_extension, o.name_servers}
	return func() {
		for _, text := range texts {
			C.free(unsafe.Pointer(text))
		}
	}
}

// Free is dbnloop_historical_free.
func (h *Historical) Free() {
	C.dbnloop_historical_free(h.handle)
	h.handle = nil
}

// ID is dbnloop_historical_id.
func (h *Historical) ID() uint64 { return uint64(C.dbnloop_historical_id(h.handle)) }

// Request is dbnloop_historical_request.
func (h *Historical) Request(in Range) *Error {
	var out C.dbnloop_range
	defer in.fill(&out)()
	return failed(C.dbnloop_historical_request(h.handle, &out, &h.err), &h.err)
}

// Start is dbnloop_historical_start.
func (h *Historical) Start() *Error {
	return failed(C.dbnloop_historical_start(h.handle, &h.err), &h.err)
}

// Stop is dbnloop_historical_stop.
func (h *Historical) Stop() *Error {
	return failed(C.dbnloop_historical_stop(h.handle, &h.err), &h.err)
}

// Close is Stop; Free ends all else.
func (h *Historical) Close() { h.Stop() }

// Pause is dbnloop_historical_pause.
func (h *Historical) Pause() { C.dbnloop_historical_pause(h.handle) }

// Resume is dbnloop_historical_resume.
func (h *Historical) Resume() { C.dbnloop_historical_resume(h.handle) }

// Kinds of calls.
const (
	CallGet               = C.DBNLOOP_CALL_GET
	CallPostIdempotent    = C.DBNLOOP_CALL_POST_IDEMPOTENT
	CallPostNonIdempotent = C.DBNLOOP_CALL_POST_NON_IDEMPOTENT
)

// Call is dbnloop_historical_call.
func (h *Historical) Call(kind uint32, endpoint, params string) (uint64, *Error) {
	name, nameSize := cstring(endpoint)
	defer C.free(unsafe.Pointer(name))
	form, formSize := cstring(params)
	defer C.free(unsafe.Pointer(form))
	var id C.uint64_t
	e := failed(C.dbnloop_historical_call(h.handle, C.uint32_t(kind), name, nameSize, form, formSize, &id, &h.err), &h.err)
	return uint64(id), e
}

// Download mirrors dbnloop_download. Range is used when URLPath is empty.
type Download struct {
	URLPath, Path, Part, SHA256 string
	Range                       Range
	Overwrite, Resume, HasSize  bool
	Size                        uint64
}

// Download is dbnloop_historical_download.
func (h *Historical) Download(in Download) (uint64, *Error) {
	var out C.dbnloop_download
	C.dbnloop_download_init(&out)
	out.url_path, out.url_path_len = cstring(in.URLPath)
	defer C.free(unsafe.Pointer(out.url_path))
	if in.URLPath == "" {
		out._range = (*C.dbnloop_range)(C.calloc(1, C.sizeof_dbnloop_range))
		defer C.free(unsafe.Pointer(out._range))
		defer in.Range.fill(out._range)()
	}
	out.path, out.path_len = cstring(in.Path)
	defer C.free(unsafe.Pointer(out.path))
	out.part, out.part_len = cstring(in.Part)
	defer C.free(unsafe.Pointer(out.part))
	out.sha256, out.sha256_len = cstring(in.SHA256)
	defer C.free(unsafe.Pointer(out.sha256))
	out.overwrite, out.resume, out.has_size = flag(in.Overwrite), flag(in.Resume), flag(in.HasSize)
	out.size = C.uint64_t(in.Size)
	var id C.uint64_t
	e := failed(C.dbnloop_historical_download(h.handle, &out, &id, &h.err), &h.err)
	return uint64(id), e
}

// Cancel is dbnloop_historical_cancel.
func (h *Historical) Cancel(id uint64) bool {
	return C.dbnloop_historical_cancel(h.handle, C.uint64_t(id)) != 0
}
