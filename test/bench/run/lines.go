package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

// lines runs a program that measures several things itself and prints a line for each, such as
// "live_many language=Go clients=10 cpu_ns=9.5". Its lines are the same in each round but for
// their figures, whose medians are returned.
func lines(rounds int, program string, args ...string) ([]report.Line, error) {
	name := filepath.Base(program)
	var all [][]report.Line
	for range rounds {
		var stderr strings.Builder
		cmd := exec.Command(program, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", name, err, lastLine(stderr.String()))
		}
		lines, err := parseLines(name, string(out))
		if err != nil {
			return nil, err
		}
		all = append(all, lines)
	}
	return medians(all)
}

// parseLines reads the lines that begin with the program's name. What is not a number says what a
// line is about. A line that counts nothing is left out.
func parseLines(name, out string) (all []report.Line, err error) {
	for text := range strings.Lines(out) {
		fields := strings.Fields(text)
		if len(fields) == 0 || fields[0] != name {
			continue
		}
		l := report.Line{Values: map[string]float64{}}
		for _, f := range fields[1:] {
			key, value, found := strings.Cut(f, "=")
			if !found {
				return nil, fmt.Errorf("%s: %q in the line %q is not key=value", name, f, text)
			}
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				l.Values[key] = n
				continue
			}
			if l.Program != "" {
				l.Program += ", "
			}
			l.Program += value
		}
		if count, ok := l.Values["count"]; !ok || count > 0 {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s printed no line that begins with its name: %.200q", name, out)
	}
	return all, nil
}

func medians(rounds [][]report.Line) ([]report.Line, error) {
	first := rounds[0]
	for i := range first {
		for key := range first[i].Values {
			var values []float64
			for _, r := range rounds {
				if len(r) != len(first) || r[i].Program != first[i].Program {
					return nil, fmt.Errorf("one round printed %v, another %v", first, r)
				}
				values = append(values, r[i].Values[key])
			}
			first[i].Values[key] = report.Median(values)
		}
	}
	return first, nil
}
