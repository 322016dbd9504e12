package main

import (
	"fmt"
	"strings"
)

// genGoHandlers writes the root package's Handlers: one field per record type and per run,
// and the dispatch by rtype.
func genGoHandlers(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(strings.Replace(goBanner, "package dbn\n", "package dbnloop\n\nimport (\n\t\"unsafe\"\n\n\t\"github.com/dbnloop/dbnloop/dbn\"\n)\n", 1))
	b.WriteString(`// Handlers receive what a client delivers. For each record, the first of these that is set
// is called: the run handler of its type, the handler of its type, Record. Records without
// a handler are skipped. Handlers run inside Poll or Run, on the goroutine that called it.
//
// A pointer or slice is valid until its handler returns: copy what you keep. Inside a
// handler the client may be paused, resumed, stopped, closed and subscribed, and handlers
// may be replaced; Poll and Run are refused. A record counts as consumed before its handler
// runs.
//
// A run handler receives consecutive records of its type as one slice. In streams with
// ts_out each slice holds one record; use Batches and RunWithTsOut for complete runs.
type Handlers struct {
`)
	for _, r := range s.Records {
		base := handlerName(r)
		fmt.Fprintf(&b, "\t%s func(*dbn.%s)\n\t%sRun func([]dbn.%s)\n", base, r.Name, base, r.Name)
	}
	b.WriteString(`
	// Record receives every record that has no handler of its own, including those of types
	// that this version does not know.
	Record func(dbn.Record)
	// Metadata is called once before the first record of a stream, and again before the
	// records of each further DBN stream in the same input (cat a.dbn b.dbn).
	Metadata func(*dbn.Metadata)
	// State is called at every change of a live client's state.
	State func(State)
	// StreamState is called at every change of a continuous client's state.
	StreamState func(StreamState)
	// Continuity is called for what happens to the continuity of a continuous client's stream.
	Continuity func(ContinuityEvent)
	// SessionEvent is called for what a live gateway reports about the session of a live or
	// continuous client, after the record that contains it and before the next one; not while
	// paused.
	SessionEvent func(SessionEvent)
	// Warning is called with each text of the historical API's X-Warning headers.
	Warning func(text string)
	// Complete is called once for a stream of known extent (a range, a file), as the last
	// handler, when every record was delivered.
	Complete func()
	// Error is called once for a stream that ends in any other way, as the last handler,
	// with the reason.
	Error func(error)
}

// run delivers one run of records of the same rtype and size. The cursor advances before
// each call, so that no record is delivered twice when a handler stops, panics or closes.
func (h *Handlers) run(cur *cursor, rtype dbn.RType, typed bool, p unsafe.Pointer, size, count int) {
	if typed {
		switch rtype {
`)
	for _, r := range s.Records {
		base := handlerName(r)
		var cases []string
		for _, n := range r.RNames {
			cases = append(cases, "dbn.RType"+n)
		}
		fmt.Fprintf(&b, "\t\tcase %s:\n\t\t\tif h.%sRun != nil {\n\t\t\t\trunSlices(cur, h.%sRun, p, size, count)\n\t\t\t\treturn\n\t\t\t}\n\t\t\tif h.%s != nil {\n\t\t\t\trunEach(cur, h.%s, p, size, count)\n\t\t\t\treturn\n\t\t\t}\n",
			strings.Join(cases, ", "), base, base, base, base)
	}
	b.WriteString(`		}
	}
	runViews(cur, h.Record, p, size, count)
}

// fill sets what receives the records of each type one by one.
func (h *Handlers) fill(t *oneByOne) {
`)
	for _, r := range s.Records {
		base := handlerName(r)
		var rtypes []string
		for _, n := range r.RNames {
			rtypes = append(rtypes, "t[dbn.RType"+n+"]")
		}
		if len(rtypes) == 1 {
			fmt.Fprintf(&b, "\t%s = handlerOf(h.%sRun, h.%s, h.Record)\n", rtypes[0], base, base)
			continue
		}
		local := strings.ToLower(base[:1]) + base[1:]
		fmt.Fprintf(&b, "\t%s := handlerOf(h.%sRun, h.%s, h.Record)\n", local, base, base)
		for _, place := range rtypes {
			fmt.Fprintf(&b, "\t%s = %s\n", place, local)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// handlerName is the field of a record type; Error is the session's own end.
func handlerName(r record) string {
	if r.Name == "ErrorMsg" {
		return "GatewayError"
	}
	return strings.TrimSuffix(r.Name, "Msg")
}
