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
		w := workload{name: c.name + ", " + string(c.kind), transport: asText, kind: c.kind, divisor: 4}
		if c.kind == data.Definitions {
			w.divisor = 32
		}
		w.forms = []form{{"dbn", peerTool, c.official, false}, {"dbn-tail", "dbn-tail", c.ours, false}}
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
	all := []form{{"bare loop, " + walk, "bare", walk, false}}
	if w.kind == data.Definitions {
		all = nil // it would have to upgrade
	}
	all = append(all,
		form{"C++, runs", "receive", "runs", false},
		form{"C++, Overload", "receive", "overload", false},
		form{"C++, Record", "receive", "record", false},
	)
	if w.kind == data.Mixed {
		all = append(all, form{"C++, mbo alone", "receive", "typed", true})
	}
	if w.transport == fromFile && !w.zstd {
		all = append(all, form{"C++, runs, mmap", "receive", "mmap", false})
	}
	all = append(all,
		form{"Go, runs", "receive_go", "runs", false},
		form{"Go, handlers", "receive_go", "handlers", false},
		form{"Go, Record", "receive_go", "record", false},
		form{"Go, Records()", "receive_go", "records", false},
		form{"Go, Batches()", "receive_go", "batches", false},
	)
	if w.transport == fromFile {
		all = append(all, form{"Go, package dbn", "receive_go", "decoder", false},
			form{peerCPP + ", Replay", peerCPP, "callback", false})
	}
	if w.transport != historical {
		all = append(all, form{peerCPP, peerCPP, "next", false})
	} else {
		all = append(all, form{peerCPP, peerCPP, "callback", false})
	}
	return append(all,
		form{peerRust, peerRust, "next", false},
		form{peerGo, peerGo, "scanner", false},
		form{peerPython, peerPython, "loop", false},
	)
}
