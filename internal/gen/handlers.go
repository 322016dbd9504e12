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
	b.WriteString(`// Handlers receive what a client delivers. For each record the first that is set is
// called: its type's run handler, its type's handler, Record. Records that nothing takes
// are skipped. Handlers run inside Poll or Run, on the goroutine that called it.
//
// A pointer or slice is valid until its handler returns: copy what you keep. Inside a
// handler the client may be paused, resumed, stopped, closed and subscribed, and handlers
// replaced; Poll and Run are refused. A record counts as taken before its handler runs.
//
// A run handler gets consecutive records of its type as one slice. In streams with ts_out
// its slices hold one record each; see RunOf with dbn.WithTsOut for whole runs.
type Handlers struct {
`)
	for _, r := range s.Records {
		base := handlerName(r)
		fmt.Fprintf(&b, "\t%s func(*dbn.%s)\n\t%sRun func([]dbn.%s)\n", base, r.Name, base, r.Name)
	}
	b.WriteString(`
	// Record receives every record that has no handler of its own, also of types that
	// this version does not know.
	Record func(dbn.Record)
	// Metadata is called once before the first record of a stream, and again before the
	// records of each further DBN stream that follows in the same input (cat a.dbn b.dbn).
	Metadata func(*dbn.Metadata)
	// State is called at every change of a live client's state.
	State func(State)
	// Session is called for what a live gateway reports about the session, after the record
	// that says it and before the next one; not while paused.
	Session func(SessionEvent)
	// Warning is called with each text of the historical API's X-Warning headers.
	Warning func(text string)
	// Complete is called once per stream that has an end of its own (a range, a file),
	// last, when every record of it was delivered.
	Complete func()
	// Error is called once per stream that ends otherwise, last, with the reason.
	Error func(error)
}

// run hands out one run of records of the same rtype and size. The cursor moves on before
// each call, so that a handler that stops, panics or closes leaves nothing to come twice.
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
`)
	return b.String()
}

// handlerName is the field of a record type; Error is the session's own end.
func handlerName(r record) string {
	if r.Name == "ErrorMsg" {
		return "GatewayError"
	}
	return strings.TrimSuffix(r.Name, "Msg")
}
