package main

import (
	"fmt"
	"strings"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

// shown are the programs in a picture, in this order, and how they are named there.
var shown = []struct {
	program, name string
	color         color
}{
	{"bare loop, array", "bare loop", neutral},
	{"bare loop, headers", "bare loop", neutral},
	{"C++, Overload", "dbnloop C++", ours},
	{"Go, handlers", "dbnloop Go", ours},
	{"databento-cpp", "databento-cpp", theirs},
	{"databento-rs", "databento-rs", theirs},
	{"dbn-go", "dbn-go", theirs},
	{"databento-python", "databento-python", theirs},
	{"dbn-tail", "dbn-tail", ours},
	{"dbn", "dbn", theirs},
}

// pictures returns the files and their contents; what the report does not have is not drawn.
func pictures(r *report.Report) map[string]string {
	streams := []string{"live, mbo", "live, mixed", "file, mbo", "file, mixed", "zstd file, mbo", "historical, mbo"}
	text := []string{"CSV, mbo", "CSV, pretty, symbols, mbo", "JSON, mbo", "JSON, pretty, symbols, mbo"}
	speed := func(row report.Row) float64 { return row.RecordsPerSecond / 1e6 }
	cpu := func(row report.Row) float64 { return row.CPUPerRecord }
	files := map[string]string{}
	for _, p := range []struct {
		file, title string
		workloads   []string
		value       func(report.Row) float64
	}{
		{"throughput.svg", "Million records per second; longer is better", streams, speed},
		{"cpu.svg", "CPU time per record in ns; shorter is better", streams, cpu},
		{"text.svg", "Text: CPU time per record in ns; shorter is better", text, cpu},
	} {
		c := chart{title: p.title, footer: footer(r, "Medians of %d interleaved rounds; loopback, files in the page cache.")}
		for _, w := range p.workloads {
			if panel := panelOf(r, w, p.value); len(panel.bars) > 0 {
				c.panels = append(c.panels, panel)
			}
		}
		if len(c.panels) > 0 {
			files[p.file] = c.svg()
		}
	}
	many := append(manyPanels(r.Many, "cpu_ns", "CPU ns per record"), manyPanels(r.Many, "turn_max_ms", "longest turn in ms")...)
	if len(many) > 0 {
		files["scale.svg"] = chart{
			"Many live clients on one reactor; shorter is better", many,
			footer(r, "Medians of %d rounds; every client's gateway sends as fast as its socket takes it, over loopback."),
		}.svg()
	}
	if latency := latencyPanels(r.Latency); len(latency) > 0 {
		files["latency.svg"] = chart{
			"From the time a record is due into a handler; shorter is better", latency,
			footer(r, "All records of %d interleaved rounds, from another process over loopback."),
		}.svg()
	}
	return files
}

func panelOf(r *report.Report, workload string, value func(report.Row) float64) panel {
	p := panel{title: workload}
	rows := r.Of(workload)
	for _, s := range shown {
		for _, row := range rows {
			if row.Program == s.program {
				name := s.name
				if row.Version != "" {
					version, _, _ := strings.Cut(row.Version, ",")
					name += " " + version
				}
				p.bars = append(p.bars, bar{name, value(row), s.color})
			}
		}
	}
	return p
}

// footer says on what the figures were measured, and how in how many rounds.
func footer(r *report.Report, how string) []string {
	m := r.Machine
	date, _, _ := strings.Cut(r.Date, "T")
	compiler := m.Compiler[strings.LastIndex(m.Compiler, " ")+1:]
	return []string{
		fmt.Sprintf("%s, %d cores, %s, g++ %s, %s. Commit %s, %s.", m.CPU, m.Cores, m.Kernel, compiler, m.Go, r.Commit, date),
		fmt.Sprintf(how, r.Rounds) + " Method: docs/performance.md.",
	}
}
