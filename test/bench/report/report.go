// Package report is the file of results that the benchmarks write, and its table.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Report is one run of the benchmarks.
type Report struct {
	Machine Machine `json:"machine"`
	Date    string  `json:"date"` // of the end of the run, UTC
	Commit  string  `json:"commit"`
	Rounds  int     `json:"rounds"`
	Rows    []Row   `json:"rows"`
	// Many is many clients on one reactor, Latency the time from a sender into a handler.
	Many    []Line   `json:"many_clients,omitempty"`
	Latency []Line   `json:"latency,omitempty"`
	NotRun  []NotRun `json:"not_run"`
}

// Machine is what a run was measured on.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Kernel   string `json:"kernel"`
	System   string `json:"system"`
	Compiler string `json:"compiler"`
	Go       string `json:"go"`
}

// Row is what one program took for one workload. The rows of a workload follow each other; the
// first is what the others are compared with.
type Row struct {
	Workload string `json:"workload"`
	// Program names the program and the form in which records reach it.
	Program          string  `json:"program"`
	Version          string  `json:"version,omitempty"` // of a program of others
	Records          uint64  `json:"records"`
	MedianSeconds    float64 `json:"median_seconds"`
	MinSeconds       float64 `json:"min_seconds"`
	MedianCPUSeconds float64 `json:"median_cpu_seconds"`
	MinCPUSeconds    float64 `json:"min_cpu_seconds"`
	RecordsPerSecond float64 `json:"records_per_second"` // by the median
	CPUPerRecord     float64 `json:"cpu_ns_per_record"`  // by the median
	// Speed is the records per second as a multiple of the first row's, CPU the CPU time per
	// record likewise.
	Speed float64 `json:"speed_to_first"`
	CPU   float64 `json:"cpu_to_first"`
}

// Line is a row of a benchmark with figures of its own, by the names that Columns explains.
type Line struct {
	Program string             `json:"program"`
	Values  map[string]float64 `json:"values"`
}

// NotRun is a program that could not take part, and why.
type NotRun struct {
	Workload string `json:"workload,omitempty"` // empty: all of them
	Program  string `json:"program"`
	Reason   string `json:"reason"`
}

// Sample is one execution.
type Sample struct{ Seconds, CPU float64 }

// NewRow summarises the executions of a program; first is the workload's first row, or nil.
func NewRow(workload, program string, records uint64, samples []Sample, first *Row) Row {
	seconds, cpu := make([]float64, len(samples)), make([]float64, len(samples))
	for i, s := range samples {
		seconds[i], cpu[i] = s.Seconds, s.CPU
	}
	r := Row{
		Workload: workload, Program: program, Records: records,
		MedianSeconds: Median(seconds), MinSeconds: slices.Min(seconds),
		MedianCPUSeconds: Median(cpu), MinCPUSeconds: slices.Min(cpu),
	}
	r.RecordsPerSecond = float64(records) / r.MedianSeconds
	r.CPUPerRecord = r.MedianCPUSeconds * 1e9 / float64(records)
	if first == nil {
		first = &r
	}
	r.Speed, r.CPU = r.RecordsPerSecond/first.RecordsPerSecond, r.CPUPerRecord/first.CPUPerRecord
	return r
}

// Median returns the middle value, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Workloads returns the names of the workloads, in the order of the report.
func (r *Report) Workloads() (names []string) {
	for _, row := range r.Rows {
		if len(names) == 0 || names[len(names)-1] != row.Workload {
			names = append(names, row.Workload)
		}
	}
	return names
}

// Of returns the rows of a workload.
func (r *Report) Of(workload string) (rows []Row) {
	for _, row := range r.Rows {
		if row.Workload == workload {
			rows = append(rows, row)
		}
	}
	return rows
}

// Load reads a file of results.
func Load(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}

// Save writes the file of results.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
