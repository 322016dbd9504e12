package report

import (
	"fmt"
	"math"
	"strings"
)

// Column explains a figure of a Line.
type Column struct{ Key, Heading string }

// ManyColumns are the figures of many clients on one reactor.
var ManyColumns = []Column{
	{"clients", "clients"},
	{"cpu_ns", "CPU ns/record"},
	{"rate_m", "M records/s"},
	{"idle_kib", "KiB per idle client"},
	{"busy_kib", "KiB per busy client"},
	{"jain", "fairness (Jain)"},
	{"turn_p999_ms", "turn p99.9 ms"},
	{"turn_max_ms", "longest turn ms"},
	{"timer_max_ms", "latest timer ms"},
	{"broken_ms", "all broken, noticed after ms"},
}

// LatencyColumns are the figures of the time from a sender into a handler.
var LatencyColumns = []Column{
	{"rate", "records/s"},
	{"p50_us", "p50 µs"},
	{"p99_us", "p99 µs"},
	{"p999_us", "p99.9 µs"},
	{"max_us", "longest µs"},
}

// lineTable returns a Markdown table. A column that no line has is left out.
func lineTable(title string, lines []Line, columns []Column) string {
	if len(lines) == 0 {
		return ""
	}
	var present []Column
	for _, c := range columns {
		for _, l := range lines {
			if _, ok := l.Values[c.Key]; ok {
				present = append(present, c)
				break
			}
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n### %s\n\n| |", title)
	for _, c := range present {
		fmt.Fprintf(&out, " %s |", c.Heading)
	}
	out.WriteString("\n|---|" + strings.Repeat("--:|", len(present)) + "\n")
	for _, l := range lines {
		fmt.Fprintf(&out, "| %s |", l.Program)
		for _, c := range present {
			v, ok := l.Values[c.Key]
			if !ok {
				out.WriteString(" – |")
				continue
			}
			fmt.Fprintf(&out, " %s |", figure(v))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// figure writes as many digits as mean something.
func figure(v float64) string {
	switch {
	case v >= 100 || v == math.Trunc(v):
		return Thousands(uint64(math.Round(v)))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}
