package historical

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// showFaults shows the faults that come before an answer and prepares those within it;
// true when there is nothing left to answer.
func (h *Server) showFaults(x *exchange, conn *clientConn, endpoint string) (done bool, err error) {
	shown := false
	for _, f := range h.faults.ofRequest(endpoint) {
		switch f.Kind {
		case FaultWarning:
			f.Fire()
			x.warnings = append(x.warnings, f.Text)
			continue
		case FaultBadWarning:
			f.Fire()
			x.Header().Set("X-Warning", f.Text)
			continue
		}
		if shown {
			continue
		}
		shown = true
		f.Fire()
		h.cfg.Logger.Info("fault", "kind", f.Kind, "endpoint", endpoint)
		if done, err = h.show(x, conn, f.Fault); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

func (h *Server) show(x *exchange, conn *clientConn, f Fault) (done bool, err error) {
	switch f.Kind {
	case FaultError, FaultErrorText:
		return true, &apiError{
			status: f.Status, kind: "simulated_fault", message: "This error was requested.",
			plain: f.Kind == FaultErrorText,
		}
	case FaultRateLimit, FaultUnavailable:
		return true, x.retryLater(f)
	case FaultErrorHTML, FaultErrorEmpty, FaultErrorEndless, FaultNotJSON:
		return true, x.answerOddly(f)
	case FaultRedirect:
		target := f.Text
		if target == "" {
			target = x.request.URL.RequestURI()
		}
		x.Header().Set("Location", target)
		x.WriteHeader(http.StatusTemporaryRedirect)
		return true, nil
	case FaultSplit, FaultSlow:
		conn.split, conn.gap = int(f.At), f.For
		return false, nil
	case FaultStallHeaders:
		return false, h.stall(x.request.Context(), f.For)
	case FaultNoRange:
		x.noRange = true
		return false, nil
	case FaultBadHash:
		x.badHash = true
		return false, nil
	case FaultHugeHeader:
		x.Header().Set("X-Filler", string(bytes.Repeat([]byte{'x'}, int(f.At))))
		return false, nil
	case FaultGarbage, FaultEndlessHeaders, FaultCutHeaders, FaultResetHeaders:
		return true, h.spoilHeaders(x, f)
	}
	x.ResponseWriter = &faultyWriter{ResponseWriter: x.ResponseWriter, server: h, request: x.request, fault: f}
	return false, nil
}

// stall waits for a time, or forever; an error when the client or the server goes first.
func (h *Server) stall(client context.Context, d time.Duration) error {
	var elapsed <-chan time.Time
	if d > 0 {
		timer := h.cfg.Clock.NewTimer(d)
		defer timer.Stop()
		elapsed = timer.C()
	}
	select {
	case <-elapsed:
		return nil
	case <-client.Done():
	case <-h.ctx.Done():
	}
	return net.ErrClosed
}

// retryLater answers 429 or 503 and says when to come back.
func (x *exchange) retryLater(f Fault) error {
	e := &apiError{status: http.StatusTooManyRequests, kind: "rate_limit_exceeded", message: "Too many requests."}
	if f.Kind == FaultUnavailable {
		e = &apiError{status: http.StatusServiceUnavailable, kind: "service_unavailable", message: "The service is not available."}
	}
	x.Header().Set("Retry-After", strconv.Itoa(int((f.For+time.Second-1)/time.Second)))
	return e
}

// answerOddly answers with a body that is not JSON.
func (x *exchange) answerOddly(f Fault) error {
	switch f.Kind {
	case FaultErrorEmpty:
		x.Header().Set("Content-Length", "0")
		x.WriteHeader(f.Status)
		return nil
	case FaultNotJSON:
		x.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(x, `[{"unfinished": tru`)
		return err
	}
	x.Header().Set("Content-Type", "text/html")
	x.WriteHeader(f.Status)
	page := []byte(fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>\n", f.Status, http.StatusText(f.Status)))
	for {
		if _, err := x.Write(page); err != nil || f.Kind != FaultErrorEndless {
			return err
		}
	}
}

// takeOver takes the connection from net/http. What was written goes out first.
func takeOver(w http.ResponseWriter) (*clientConn, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	return conn.(*clientConn), nil
}

// spoilHeaders answers with something that does not get as far as a body.
func (h *Server) spoilHeaders(x *exchange, f Fault) error {
	conn, err := takeOver(x.ResponseWriter)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // shown and done
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n")
	switch f.Kind {
	case FaultGarbage:
		noise := make([]byte, 4096)
		rand.NewChaCha8([32]byte([]byte("garbage in place of HTTP/1.1    "))).Read(noise) //nolint:errcheck // never fails
		conn.Write(noise)                                                                 //nolint:errcheck // shown and done
	case FaultEndlessHeaders:
		for line := head; err == nil; {
			_, err = conn.Write(line)
			line = bytes.Repeat([]byte("X-Filler: and so on and so on and so on\r\n"), 100)
		}
	default:
		conn.Write(head[:min(int(f.At), len(head))]) //nolint:errcheck // shown and done
		if f.Kind == FaultResetHeaders {
			conn.reset(h.ctx)
			return nil
		}
		conn.cut()
	}
	return nil
}

// faultyWriter writes a body that has a fault in it.
type faultyWriter struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	fault   Fault
	sent    int64
	shown   bool
}

// shortBodyLength is announced where a body's length is not known: 1 TiB.
const shortBodyLength = 1 << 40

// Unwrap is for http.ResponseController.
func (w *faultyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader changes the announced length for the faults that concern it.
func (w *faultyWriter) WriteHeader(status int) {
	header := w.Header()
	switch w.fault.Kind {
	case FaultShortBody:
		length, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
		if err != nil {
			length = shortBodyLength
		}
		header.Set("Content-Length", strconv.FormatInt(length+w.fault.At, 10))
	case FaultTruncate, FaultBadChunk:
		header.Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends up to the place of the fault, shows it, and continues if it can.
func (w *faultyWriter) Write(b []byte) (int, error) {
	if w.shown && w.fault.Kind == FaultTruncate {
		return len(b), nil
	}
	room := w.fault.At - w.sent
	if w.shown || w.fault.Kind == FaultShortBody || int64(len(b)) <= room {
		n, err := w.ResponseWriter.Write(b)
		w.sent += int64(n)
		return n, err
	}
	n, err := w.ResponseWriter.Write(b[:room])
	w.sent += int64(n)
	if err != nil {
		return n, err
	}
	w.shown = true
	switch w.fault.Kind {
	case FaultTruncate:
		return len(b), http.NewResponseController(w.ResponseWriter).Flush() // chunked, whatever the length
	case FaultCorrupt:
		b = bytes.Clone(b)
		b[room] ^= 0xFF
	default:
		if err := w.act(); err != nil {
			return n, err
		}
	}
	rest, err := w.ResponseWriter.Write(b[room:])
	w.sent += int64(rest)
	return n + rest, err
}

// act shows a fault at the place that has been reached.
func (w *faultyWriter) act() error {
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return err
	}
	if w.fault.Kind == FaultStallBody {
		return w.server.stall(w.request.Context(), w.fault.For)
	}
	conn, err := takeOver(w.ResponseWriter)
	if err != nil {
		return err
	}
	switch w.fault.Kind {
	case FaultResetBody:
		conn.reset(w.server.ctx)
	case FaultBadChunk:
		io.WriteString(conn, "chunk?\r\n") //nolint:errcheck // shown and done
		conn.Close()                       //nolint:errcheck // likewise
	default:
		conn.cut()
	}
	return net.ErrClosed
}

// finish shows a fault whose place lies after the end of the body at the end.
func (w *faultyWriter) finish() error {
	switch {
	case w.shown:
		return nil
	case w.fault.Kind == FaultShortBody:
		return http.NewResponseController(w.ResponseWriter).Flush()
	case w.fault.Kind == FaultTruncate || w.fault.Kind == FaultCorrupt:
		return nil
	}
	w.shown = true
	return w.act()
}
