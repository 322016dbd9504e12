// Program chart draws the pictures of docs/ from docs/bench.json, and writes the tables of
// docs/performance.md. Usage: chart [-check] DIRECTORY
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("chart: ")
	check := flag.Bool("check", false, "write nothing; fail when a file differs")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: chart [-check] DIRECTORY")
	}
	if err := run(flag.Arg(0), *check); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, check bool) error {
	r, err := report.Load(filepath.Join(dir, "bench.json"))
	if err != nil {
		return err
	}
	page := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	tables, err := withTables(string(text), r)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	files := pictures(r)
	files["performance.md"] = tables
	for name, want := range files {
		path := filepath.Join(dir, name)
		have, err := os.ReadFile(path)
		if err == nil && bytes.Equal(have, []byte(want)) {
			continue
		}
		if check {
			return fmt.Errorf("%s is not what bench.json gives: run build/bench/chart %s", path, dir)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	begin = "<!-- BEGIN of what test/bench/chart writes from bench.json; do not edit -->\n"
	end   = "<!-- END of what test/bench/chart writes -->\n"
)

// withTables replaces the generated part of the page.
func withTables(page string, r *report.Report) (string, error) {
	head, rest, found := strings.Cut(page, begin)
	if !found {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(begin))
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(end))
	}
	m := r.Machine
	machine := fmt.Sprintf("\nMeasured on %s of commit %s: %s, %d cores, %s, %s, %s, %s; medians of %d interleaved\nrounds.\n",
		r.Date, r.Commit, m.CPU, m.Cores, m.System, m.Kernel, m.Compiler, m.Go, r.Rounds)
	return head + begin + machine + r.Table() + "\n" + end + tail, nil
}
