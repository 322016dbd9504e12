package report

import (
	"fmt"
	"strings"
)

// Table returns the report as Markdown: a table for each workload.
func (r *Report) Table() string {
	var out strings.Builder
	for _, w := range r.Workloads() {
		rows := r.Of(w)
		fmt.Fprintf(&out, "\n### %s\n\n", w)
		fmt.Fprintf(&out, "| %s records | M records/s | × first | CPU ns/record | × first | wall s, median / min | CPU s, median / min |\n",
			Thousands(rows[0].Records))
		out.WriteString("|---|--:|--:|--:|--:|--:|--:|\n")
		for _, row := range rows {
			name := row.Program
			if row.Version != "" {
				name += " " + row.Version
			}
			if row.Records != rows[0].Records {
				name += fmt.Sprintf(" (%s records)", Thousands(row.Records))
			}
			fmt.Fprintf(&out, "| %s | %.1f | %.2f | %.1f | %.2f | %.3f / %.3f | %.3f / %.3f |\n", name,
				row.RecordsPerSecond/1e6, row.Speed, row.CPUPerRecord, row.CPU,
				row.MedianSeconds, row.MinSeconds, row.MedianCPUSeconds, row.MinCPUSeconds)
		}
	}
	out.WriteString(lineTable("latency", r.Latency, LatencyColumns))
	out.WriteString(lineTable("many clients on one reactor", r.Many, ManyColumns))
	if len(r.NotRun) > 0 {
		out.WriteString("\nNOT RUN:\n\n")
		for _, n := range r.NotRun {
			where := n.Workload
			if where == "" {
				where = "every workload"
			}
			fmt.Fprintf(&out, "- %s (%s): %s\n", n.Program, where, n.Reason)
		}
	}
	return out.String()
}

// Thousands writes a number in groups of three digits.
func Thousands(n uint64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
