package main

import (
	"fmt"
	"strings"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

// manyPanels draws a figure of many clients: a panel for each program, a bar for each number of
// clients, and one scale for all.
func manyPanels(lines []report.Line, key, what string) (panels []panel) {
	largest := 0.0
	for _, l := range lines {
		v, ok := l.Values[key]
		if !ok {
			continue
		}
		title := l.Program + ", " + what
		var p *panel
		panels, p = with(panels, title)
		name := report.Thousands(uint64(l.Values["clients"])) + " clients"
		if name == "1 clients" {
			name = "1 client"
		}
		p.bars = append(p.bars, bar{name, v, colorOf(l.Program)})
		largest = max(largest, v)
	}
	for i := range panels {
		panels[i].scale = largest
	}
	return panels
}

// latencyPanels draws percentiles: a panel for each rate and percentile, a bar for each program.
// Only what counts from the time at which a record was due is drawn: a delay that holds up the
// sender, too, is then not hidden.
func latencyPanels(lines []report.Line) (panels []panel) {
	for _, l := range lines {
		way, due := strings.CutSuffix(l.Program, ", ts_recv")
		if !due || strings.HasSuffix(way, "_timed") {
			continue
		}
		for _, c := range report.LatencyColumns {
			v, ok := l.Values[c.Key]
			if !ok || c.Key != "p50_us" && c.Key != "p99_us" {
				continue
			}
			title := fmt.Sprintf("%s, %s records/s", c.Heading, report.Thousands(uint64(l.Values["rate"])))
			var p *panel
			panels, p = with(panels, title)
			p.bars = append(p.bars, bar{strings.ReplaceAll(way, "_", ", "), v, colorOf(way)})
		}
	}
	return panels
}

// with returns the panel of this title, which it appends if it is missing.
func with(panels []panel, title string) ([]panel, *panel) {
	for i := range panels {
		if panels[i].title == title {
			return panels, &panels[i]
		}
	}
	panels = append(panels, panel{title: title})
	return panels, &panels[len(panels)-1]
}

func colorOf(program string) color {
	if strings.HasPrefix(program, "bare") {
		return neutral
	}
	return ours
}
