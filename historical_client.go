package dbnloop

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Range is a range of records to stream or download, as the API's timeseries.get_range takes
// it.
type Range struct {
	Dataset string
	Schema  dbn.Schema
	Symbols []string      // 1 to 2,000, see StypeIn; dbn.AllSymbols alone selects every one
	Start   dbn.UnixNanos // inclusive; by ts_recv if the schema has it
	End     dbn.UnixNanos // exclusive; a range needs one, see DayRange
	// StypeIn is the symbology of Symbols. Its zero value is dbn.STypeInstrumentID (numbers);
	// NewRange sets the usual dbn.STypeRawSymbol.
	StypeIn  dbn.SType
	StypeOut dbn.SType // the symbology that Symbols are mapped to
	Limit    uint64    // number of records; 0: no limit
}

// NewRange returns a range of raw symbols, mapped to instrument ids.
func NewRange(dataset string, schema dbn.Schema, start, end dbn.UnixNanos, symbols ...string) Range {
	return Range{
		Dataset: dataset, Schema: schema, Symbols: symbols, Start: start, End: end,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
}

// DayRange returns the range of the UTC day that contains a time, for raw symbols that are
// mapped to instrument ids.
func DayRange(dataset string, schema dbn.Schema, day time.Time, symbols ...string) Range {
	start := day.UTC().Truncate(24 * time.Hour)
	return NewRange(dataset, schema, dbn.UnixNanosOf(start), dbn.UnixNanosOf(start.AddDate(0, 0, 1)), symbols...)
}

// checkTimes refuses a range without an end, because the server would take its start alone for
// a range of one nanosecond.
func (r Range) checkTimes() error {
	if r.End == 0 {
		return newError(CodeInvalidArgument, "the range has no end: without one the server would answer for the nanosecond %d alone; set End, or use DayRange for a day", uint64(r.Start))
	}
	if r.End <= r.Start {
		return newError(CodeInvalidArgument, "the end must be after the start (it is exclusive): %d to %d ns", uint64(r.Start), uint64(r.End))
	}
	return nil
}

// joinSymbols is symbolList for a request, which may have 2,000 symbols.
func joinSymbols(stype dbn.SType, symbols []string) (string, error) {
	const most = 2000
	if len(symbols) > most {
		return "", newError(CodeInvalidArgument, "a request may have %d symbols, this one has %d; make several requests, or ask for ALL_SYMBOLS", most, len(symbols))
	}
	return symbolList(stype, symbols)
}

func (r Range) forC() (bindings.Range, error) {
	symbols, err := joinSymbols(r.StypeIn, r.Symbols)
	if err != nil {
		return bindings.Range{}, err
	}
	if err := r.checkTimes(); err != nil {
		return bindings.Range{}, err
	}
	return bindings.Range{
		Dataset: r.Dataset, Symbols: symbols,
		Schema: uint32(r.Schema), StypeIn: uint32(r.StypeIn), StypeOut: uint32(r.StypeOut),
		HasEnd: true, Start: uint64(r.Start), End: uint64(r.End), Limit: r.Limit,
	}, nil
}

// HistoricalClient is a client of Databento's historical API over HTTPS. It streams one range
// at a time: call Request and Start, then receive records until the Complete or the Error
// handler is called. Calls and downloads run concurrently with it, any number at a time.
//
// The methods that take a context wait for their answer by polling the reactor, so that
// everything else on it continues. Inside handlers, and while another goroutine is inside the
// reactor, they return ErrInvalidState. Use Call inside handlers, and Post a Call from other
// goroutines.
type HistoricalClient struct {
	source
	hist  *bindings.Historical
	calls map[uint64]struct{}
}

// NewHistoricalClient creates a client on the reactor. It checks that the key consists of 32
// printable ASCII characters; the key appears in no error and no log. It may be called inside a
// handler. It returns ErrInvalidAPIKey for a malformed key, ErrInvalidArgument for an option
// that is out of range, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor.
func NewHistoricalClient(r *Reactor, apiKey string, opts ...HistoricalOption) (*HistoricalClient, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewHistoricalClient: the reactor is nil")
	}
	config := historicalConfig{config: newConfig(), c: bindings.HistoricalOptionsDefault()}
	for _, o := range opts {
		if o != nil {
			o.applyHistorical(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	c := &HistoricalClient{calls: map[uint64]struct{}{}}
	err := c.attach(r, config.log, func(loop *bindings.Reactor) (native, *bindings.Error) {
		hist, e := bindings.HistoricalNew(loop, apiKey, config.c)
		c.hist = hist
		return hist, e
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Request sets the range that Start requests. It may be called inside a handler. It returns
// ErrInvalidState while a stream is in progress, and when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Request(r Range) error {
	in, err := r.forC()
	if err != nil {
		return err
	}
	return c.call(func() *bindings.Error { return c.hist.Request(in) })
}

// Start sends the request, once, because it may cost money. It may be called inside a handler.
// It returns ErrInvalidState without a Request, while a stream is in progress, and when called
// from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) Start() error {
	return c.call(func() *bindings.Error {
		e := c.hist.Start()
		if e == nil {
			c.begin()
		}
		return e
	})
}

// Stop ends the stream at once: no further record is delivered, and the Error handler receives
// ErrCancelled. The client can be used again. It may be called inside a handler. It returns
// ErrInvalidState when called from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) Stop() error {
	return c.call(func() *bindings.Error {
		c.mute()
		return c.hist.Stop()
	})
}

// ReceivedBytes returns the number of compressed bytes received by the present or the last
// stream; 0 after Close. Any goroutine may call it at any time.
func (c *HistoricalClient) ReceivedBytes() (n uint64) {
	c.ask(func() { n = c.hist.Received() })
	return n
}

// CallKind determines how a call is sent and whether it may be retried.
type CallKind uint32

// Kinds of calls.
const (
	Get       CallKind = bindings.CallGet       // read-only; the parameters become the query
	PostReads CallKind = bindings.CallPostReads // read-only
	PostBills CallKind = bindings.CallPostBills // may be billed: retried only after 429, or 503 with Retry-After
)

// CallID identifies a call or a download.
type CallID uint64

// Call calls an endpoint such as "metadata.list_datasets" without waiting. done runs once, in a
// later turn, with an error or with the body, which is valid until done returns. It may be
// called inside a handler. It returns ErrInvalidState when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Call(kind CallKind, endpoint string, params url.Values, done func(body []byte, err error)) (CallID, error) {
	if done == nil {
		return 0, newError(CodeInvalidArgument, "Call: the function for %s is nil", endpoint)
	}
	var id uint64
	err := c.call(func() (e *bindings.Error) {
		if id, e = c.hist.Call(uint32(kind), endpoint, params.Encode()); e != nil {
			return e
		}
		c.await(id, func(event *bindings.Event) {
			c.forget(id)
			response := event.Response()
			if response.Error.Code != 0 {
				done(nil, errorOf(&response.Error))
				return
			}
			done(response.Body(), nil)
		})
		return nil
	})
	return CallID(id), err
}

func (c *HistoricalClient) await(id uint64, f func(*bindings.Event)) {
	c.calls[id] = struct{}{}
	c.r.calls[id] = func(event *bindings.Event) {
		if !c.closed {
			f(event)
		}
	}
}

func (c *HistoricalClient) forget(id uint64) {
	delete(c.calls, id)
	delete(c.r.calls, id)
}

// Cancel cancels a call or a download; its function is not called. It returns false when the
// call has ended or does not exist, and after Close. It may be called inside a handler. Called
// from a second goroutine while another one is inside the reactor, it panics with
// ErrInvalidState.
func (c *HistoricalClient) Cancel(id CallID) (known bool) {
	c.must(func() {
		_, known = c.calls[uint64(id)]
		c.forget(uint64(id))
		c.hist.Cancel(uint64(id))
	})
	return known
}

// Close ends the stream, all calls and all downloads at once, without calling any handler or
// function, and frees the client, which cannot be used again. It may be called more than once,
// and inside a handler. It returns ErrInvalidState when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Close() error {
	return c.closeWith(func() {
		for id := range c.calls {
			c.forget(id)
		}
	})
}

// wait begins a call and polls until its answer has arrived or ctx is done.
func (c *HistoricalClient) wait(ctx context.Context, begin func(done func(error)) (CallID, error)) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	over := false
	var result error
	id, err := begin(func(err error) { over, result = true, err })
	if err != nil {
		return err
	}
	if err := c.r.until(ctx, func() bool { return over || c.closed }); err != nil {
		c.Cancel(id)
		return err
	}
	if !over {
		return newError(CodeInvalidState, "the client was closed during the call")
	}
	return result
}

// Do calls an endpoint and waits for the body, which the caller owns. It returns
// ErrInvalidState inside a handler, and when called from a second goroutine while another one
// is inside the reactor.
func (c *HistoricalClient) Do(ctx context.Context, kind CallKind, endpoint string, params url.Values) (body []byte, err error) {
	err = c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.Call(kind, endpoint, params, func(b []byte, err error) {
			body = append([]byte{}, b...)
			done(err)
		})
	})
	return body, err
}

// Progress is the progress of a download.
type Progress struct {
	Bytes int64 // bytes in the file
	Total int64 // expected bytes; 0: unknown
}

// Download is a download into a file: of a batch job's file if URLPath is set, otherwise of
// Range as zstd-compressed DBN.
type Download struct {
	URLPath   string // path on the API's server, "/v0/…"
	Range     Range
	Path      string // of the complete file
	Overwrite bool   // false: an existing file is refused
	Restart   bool   // do not resume from the part of an earlier attempt (URLPath only)
	Size      int64  // expected bytes; 0: unknown
	SHA256    string // expected hash in hexadecimal digits; "": unknown

	// Part is the file's name until it is complete, and after a failure. By default (empty) it
	// is "Path.part"; for a Range it is the first of "Path.part", "Path.part.2",
	// "Path.part.3"… that does not exist. A Range refuses a part that holds data. If it equals
	// Path, and Overwrite is set, the file has its final name from the beginning.
	Part string

	// Progress is called inside the reactor's turns, at most once per turn.
	Progress func(Progress)
}

// Downloaded is a complete download.
type Downloaded struct {
	Path   string
	Bytes  int64
	SHA256 string // of the complete file, in hexadecimal digits

	// Verified reports that the expected SHA-256 was known (Download.SHA256); it then equals
	// the one above. False for ranges, and for files of a job whose hash is of another kind.
	Verified bool
}

// StartDownload begins a download without waiting; done runs once, in a later turn. A file with
// the final name is complete and on the disk. If the download fails or is cancelled, the part
// remains. The next attempt resumes the part of a job's file. The part of a Range was paid for:
// it is never overwritten, and the next attempt uses another name. The error message names the
// part that remains, unless Part named it. A file that appears under the final name in the
// meantime is not replaced without Overwrite: the complete data then keeps the name of the
// part, which the message gives. It may be called inside a handler. It returns ErrInvalidState
// when called from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) StartDownload(d Download, done func(Downloaded, error)) (CallID, error) {
	if done == nil {
		return 0, newError(CodeInvalidArgument, "StartDownload: the function for %s is nil", d.Path)
	}
	in := bindings.Download{
		URLPath: d.URLPath, Path: d.Path, Part: d.Part, SHA256: strings.ToLower(d.SHA256),
		Overwrite: d.Overwrite, Resume: !d.Restart, HasSize: d.Size > 0, Size: uint64(max(d.Size, 0)),
	}
	if d.URLPath != "" && (d.Range.Dataset != "" || len(d.Range.Symbols) > 0) {
		return 0, newError(CodeInvalidArgument, "StartDownload: URLPath and Range are both set; a download is of one")
	}
	if d.URLPath == "" {
		var err error
		if in.Range, err = d.Range.forC(); err != nil {
			return 0, err
		}
	}
	var id uint64
	err := c.call(func() (e *bindings.Error) {
		if id, e = c.hist.Download(in); e != nil {
			return e
		}
		c.await(id, func(event *bindings.Event) {
			if event.Kind == bindings.EventProgress {
				if d.Progress != nil {
					progress := event.Progress()
					d.Progress(Progress{int64(progress.Bytes), int64(progress.Total)})
				}
				return
			}
			c.forget(id)
			response := event.Response()
			if response.Error.Code != 0 {
				done(Downloaded{}, errorOf(&response.Error))
				return
			}
			done(Downloaded{
				Path: d.Path, Bytes: int64(response.FileSize), SHA256: response.SHA256(), Verified: d.SHA256 != "",
			}, nil)
		})
		return nil
	})
	return CallID(id), err
}

// Download downloads a file and waits for the end; see StartDownload. It returns
// ErrInvalidState inside a handler, and when called from a second goroutine while another one
// is inside the reactor.
func (c *HistoricalClient) Download(ctx context.Context, d Download) (result Downloaded, err error) {
	err = c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.StartDownload(d, func(r Downloaded, err error) {
			result = r
			done(err)
		})
	})
	return result, err
}
