package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/test/bench/data"
	"github.com/dbnloop/dbnloop/test/bench/report"
	"github.com/dbnloop/dbnloop/test/bench/serve"
)

type bench struct {
	options
	data     store
	programs map[string]program
}

// contestant is a form of a program that takes part in a workload.
type contestant struct {
	form
	program program
	file    file // its data
	samples []report.Sample
	failure error
}

// measure runs the rounds of one workload. The failure of a program of others is reported and
// leaves it out; that of an own one is an error.
func (b *bench) measure(w workload) (rows []report.Row, notRun []report.NotRun, err error) {
	var all []*contestant
	for _, f := range w.forms {
		p := b.programs[f.program]
		if p.reason != "" || p.peer && !b.peers {
			continue
		}
		c := &contestant{form: f, program: p}
		records := b.records / w.divisor
		if p.slow {
			records /= 20
		}
		if c.file, err = b.data.forWorkload(w, records); err != nil {
			return nil, nil, err
		}
		all = append(all, c)
	}
	for range b.rounds {
		for _, c := range all {
			if c.failure != nil {
				continue
			}
			sample, err := b.execute(w, c)
			if err != nil {
				if c.failure = err; !c.program.peer {
					return nil, nil, fmt.Errorf("%s: %w", c.name, err)
				}
				continue
			}
			c.samples = append(c.samples, sample)
		}
	}
	var first *report.Row
	for _, c := range all {
		if c.failure != nil {
			notRun = append(notRun, report.NotRun{Workload: w.name, Program: c.name, Reason: c.failure.Error()})
			continue
		}
		row := report.NewRow(w.name, c.name, c.file.contents.All.Records, c.samples, first)
		row.Version = c.program.version
		rows = append(rows, row)
		if first == nil {
			first = &rows[0]
		}
	}
	return rows, notRun, nil
}

// execute runs a program once.
func (b *bench) execute(w workload, c *contestant) (report.Sample, error) {
	switch w.transport {
	case asText:
		return process(c.program.command(append(strings.Fields(c.arg), c.file.path)...))
	case live, historical:
		s, err := server(w.transport, c.file)
		if err != nil {
			return report.Sample{}, err
		}
		defer s.Close()
		cmd := c.program.command(cmp.Or(c.client, string(w.transport)), c.arg, strconv.Itoa(s.Port), strconv.FormatUint(c.file.contents.All.Records, 10))
		cmd.Env = append(os.Environ(), s.Env...)
		return reported(cmd, c)
	default:
		return reported(c.program.command("file", c.arg, c.file.path, strconv.FormatUint(c.file.contents.All.Records, 10)), c)
	}
}

func server(t transport, f file) (*serve.Server, error) {
	stream, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	if t == live {
		return serve.Live(stream, f.repeat)
	}
	return serve.Historical(stream)
}

// result is the line that a program prints.
type result struct {
	Records uint64  `json:"records"`
	Sum     uint64  `json:"sum"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"`
}

// reported runs a program that measures itself, and checks what it found.
func reported(cmd *exec.Cmd, c *contestant) (report.Sample, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return report.Sample{}, fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	want := c.file.contents.All
	if c.mboOnly {
		want = c.file.contents.Mbo
	}
	r, err := parse(out, want)
	if err != nil && stderr.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	return report.Sample{Seconds: r.Seconds, CPU: r.CPU}, err
}

// parse reads a program's line. A program that did not find what the stream holds did other
// work than the rest.
func parse(out []byte, want data.Total) (result, error) {
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("output %.80q is not one line of JSON: %w", out, err)
	}
	if got := (data.Total{Records: r.Records, Sum: r.Sum}); got != want {
		return r, fmt.Errorf("found %d records with the sum %d, want %d with %d", got.Records, got.Sum, want.Records, want.Sum)
	}
	if r.Seconds <= 0 || r.CPU < 0 {
		return r, fmt.Errorf("took %v s and %v s of CPU time, which cannot be", r.Seconds, r.CPU)
	}
	return r, nil
}

// process measures a complete process, whose output goes to /dev/null.
func process(cmd *exec.Cmd) (report.Sample, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	if err != nil {
		return report.Sample{}, fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	state := cmd.ProcessState
	return report.Sample{Seconds: wall.Seconds(), CPU: (state.UserTime() + state.SystemTime()).Seconds()}, nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "it printed no message"
}
