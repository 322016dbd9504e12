package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// tolerance is by how much a path may cost more than was accepted.
const tolerance = 0.05

// tools decide which instructions a program consists of.
type tools struct {
	Compiler string `json:"compiler"`
	Go       string `json:"go"`
	Valgrind string `json:"valgrind"`
	Arch     string `json:"arch"`
}

// figures are the instructions per record, and the tools that they depend on.
type figures struct {
	Tools     tools              `json:"tools"`
	PerRecord map[string]float64 `json:"instructions_per_record"`
}

func theseTools() (t tools, err error) {
	firstLine := func(command string) string {
		out, failure := exec.Command(command, "--version").Output()
		if failure != nil && err == nil {
			err = fmt.Errorf("%s --version: %w", command, failure)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	return tools{firstLine("g++"), runtime.Version(), firstLine("valgrind"), runtime.GOARCH}, err
}

func load(path string) (f figures, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func (f figures) save(path string) error {
	text, err := json.MarshalIndent(f.rounded(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// rounded has no more digits than mean something.
func (f figures) rounded() figures {
	r := figures{Tools: f.Tools, PerRecord: map[string]float64{}}
	for name, count := range f.PerRecord {
		r.PerRecord[name] = float64(int64(count*100+0.5)) / 100
	}
	return r
}

func (f figures) list() string {
	var out strings.Builder
	for _, p := range paths() {
		fmt.Fprintf(&out, "%-24s %10.2f instructions per record\n", p.name, f.PerRecord[p.name])
	}
	return out.String()
}

// compare returns what is to be said, and whether nothing grew too much.
func compare(accepted, now figures) (text string, ok bool) {
	var out strings.Builder
	judge := accepted.Tools == now.Tools
	slower, faster, unknown := 0, 0, 0
	fmt.Fprintf(&out, "%-24s %10s %10s %8s\n", "instructions per record", "accepted", "now", "change")
	for _, p := range paths() {
		have := now.PerRecord[p.name]
		want, known := accepted.PerRecord[p.name]
		if !known {
			unknown++
			fmt.Fprintf(&out, "%-24s %10s %10.2f\n", p.name, "-", have)
			continue
		}
		change := have/want - 1
		mark := ""
		switch {
		case change > tolerance:
			slower++
			mark = "  SLOWER"
		case change < -tolerance:
			faster++
			mark = "  faster"
		}
		fmt.Fprintf(&out, "%-24s %10.2f %10.2f %+7.1f%%%s\n", p.name, want, have, 100*change, mark)
	}
	const acceptance = "make guard-accept accepts the figures as they are now; commit test/bench/guard/figures.json"
	switch {
	case !judge:
		fmt.Fprintf(&out, "guard: not judged: the figures belong to %+v, and this is %+v\n", accepted.Tools, now.Tools)
	case slower+unknown > 0:
		fmt.Fprintf(&out, "guard: FAILED: %d paths cost over %.0f %% more than accepted, %d have no accepted figure\nguard: if this is intended, %s\n",
			slower, 100*tolerance, unknown, acceptance)
	case faster > 0:
		fmt.Fprintf(&out, "guard: ok; %d paths became faster: %s\n", faster, acceptance)
	default:
		fmt.Fprintf(&out, "guard: ok\n")
	}
	return out.String(), !judge || slower+unknown == 0
}
