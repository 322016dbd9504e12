package main

import "github.com/dbnloop/dbnloop/test/bench/data"

// transport is how a stream reaches a program.
type transport string

const (
	live       transport = "live"
	fromFile   transport = "file"
	historical transport = "historical"
	// asText is a file that a program converts to text, and is measured from outside.
	asText transport = "text"
)

// form is a program and how it takes the records.
type form struct {
	name    string
	program string
	arg     string // FORM, or the arguments of a program that converts
	mboOnly bool   // it counts mbo records alone, and skips the others
	client  string // what receives, unless it is that of the workload's transport
}

// workload is what all programs of a comparison do.
type workload struct {
	name      string
	transport transport
	kind      data.Kind
	zstd      bool
	divisor   int // the part of the records that it has
	forms     []form
}

func workloads() []workload {
	all := []workload{
		{name: "live", transport: live, kind: data.Mbo},
		{name: "live", transport: live, kind: data.Mixed},
		{name: "live", transport: live, kind: data.Alternating},
		{name: "file", transport: fromFile, kind: data.Mbo},
		{name: "file", transport: fromFile, kind: data.Mixed},
		{name: "file", transport: fromFile, kind: data.Alternating},
		{name: "file", transport: fromFile, kind: data.Definitions, divisor: 8},
		{name: "zstd file", transport: fromFile, kind: data.Mbo, zstd: true},
		{name: "zstd file", transport: fromFile, kind: data.Mixed, zstd: true},
		{name: "historical", transport: historical, kind: data.Mbo, zstd: true},
		{name: "historical", transport: historical, kind: data.Mixed, zstd: true},
	}
	for i := range all {
		w := &all[i]
		w.name += ", " + string(w.kind)
		w.divisor = max(w.divisor, 1)
		w.forms = receivers(*w)
	}
	for _, c := range []struct {
		name, ours, official string
		kind                 data.Kind
	}{
		{"CSV", "-C --no-map-symbols", "--csv", data.Mbo},
		{"CSV, pretty, symbols", "-C -p", "--csv -p -s", data.Mbo},
		{"JSON", "-J --exact --system --no-map-symbols", "--json", data.Mbo},
		{"JSON, pretty, symbols", "-J -p --exact --system", "--json -p -s", data.Mbo},
		{"JSON", "-J --exact --system --no-map-symbols", "--json", data.Mixed},
		{"CSV", "-C --no-map-symbols --upgrade v3", "--csv -u", data.Definitions},
	} {
		w := workload{name: c.name + ", " + string(c.kind), transport: asText, kind: c.kind, divisor: 1}
		if c.kind == data.Definitions {
			w.divisor = 8
		}
		w.forms = []form{{name: "dbn", program: peerTool, arg: c.official}, {name: "dbn-tail", program: "dbn-tail", arg: c.ours}}
		all = append(all, w)
	}
	return all
}

// receivers are the programs that receive a stream and sum its prices; the bare loop is first.
func receivers(w workload) []form {
	walk := "headers"
	if w.kind == data.Mbo {
		walk = "array"
	}
	all := []form{{name: "bare loop, " + walk, program: "bare", arg: walk}}
	if w.kind == data.Definitions {
		all = nil // it would have to upgrade
	}
	if w.transport == fromFile && !w.zstd && (w.kind == data.Mixed || w.kind == data.Alternating) {
		all = append(all, form{name: "bare loop, table", program: "bare", arg: "table"},
			form{name: "bare loop in Go, table", program: "receive_go", arg: "bare"})
	}
	all = append(all,
		form{name: "C++, runs", program: "receive", arg: "runs"},
		form{name: "C++, Overload", program: "receive", arg: "overload"},
		form{name: "C++, Record", program: "receive", arg: "record"},
	)
	if w.transport == live {
		all = append(all,
			form{name: "C++, ContinuousClient, runs", program: "receive", arg: "runs", client: "continuous"},
			form{name: "C++, ContinuousClient, Overload", program: "receive", arg: "overload", client: "continuous"},
		)
	}
	if w.kind == data.Mixed {
		all = append(all, form{name: "C++, mbo alone", program: "receive", arg: "typed", mboOnly: true})
	}
	if w.transport == fromFile && !w.zstd {
		all = append(all, form{name: "C++, runs, mmap", program: "receive", arg: "mmap"})
	}
	all = append(all,
		form{name: "Go, runs", program: "receive_go", arg: "runs"},
		form{name: "Go, handlers", program: "receive_go", arg: "handlers"},
		form{name: "Go, Record", program: "receive_go", arg: "record"},
		form{name: "Go, Records()", program: "receive_go", arg: "records"},
		form{name: "Go, Batches()", program: "receive_go", arg: "batches"},
	)
	if w.transport == fromFile {
		all = append(all, form{name: "Go, package dbn", program: "receive_go", arg: "decoder"},
			form{name: peerCPP + ", Replay", program: peerCPP, arg: "callback"})
	}
	if w.transport != historical {
		all = append(all, form{name: peerCPP, program: peerCPP, arg: "next"})
	} else {
		all = append(all, form{name: peerCPP, program: peerCPP, arg: "callback"})
	}
	return append(all,
		form{name: peerRust, program: peerRust, arg: "next"},
		form{name: peerGo, program: peerGo, arg: "scanner"},
		form{name: peerPython, program: peerPython, arg: "loop"},
	)
}
