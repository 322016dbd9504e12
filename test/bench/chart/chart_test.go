package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

func someReport() *report.Report {
	r := &report.Report{
		Machine: report.Machine{CPU: "A & B <1>", Cores: 2, Kernel: "Linux 6", Compiler: "g++ (Debian) 12.2.0", Go: "go1.26"},
		Date:    "2026-11-28T12:00:00Z", Commit: "abc", Rounds: 5,
	}
	for _, w := range []string{"live, mbo", "file, mixed", "CSV, mbo"} {
		for i, program := range []string{"C++, Overload", "databento-cpp", "databento-python", "not shown"} {
			seconds := []float64{1, 2, 900, 1}[i]
			r.Rows = append(r.Rows, report.NewRow(w, program, 10_000_000, []report.Sample{{Seconds: seconds, CPU: seconds}}, nil))
		}
	}
	for _, program := range []string{"bare", "C++", "Go"} {
		for _, clients := range []float64{1, 1000} {
			r.Many = append(r.Many, report.Line{Program: program, Values: map[string]float64{"clients": clients, "cpu_ns": 9, "turn_max_ms": 3}})
			for _, origin := range []string{"ts_recv", "kernel"} {
				r.Latency = append(r.Latency, report.Line{
					Program: program + "_spin, " + origin,
					Values:  map[string]float64{"rate": clients, "p50_us": 9, "p99_us": 30, "p999_us": 60},
				})
			}
		}
	}
	return r
}

func TestAPanelIsOfOneProgramOrOneRate(t *testing.T) {
	r := someReport()
	if p := manyPanels(r.Many, "cpu_ns", "CPU"); len(p) != 3 || p[2].title != "Go, CPU" || len(p[2].bars) != 2 || p[2].bars[1].name != "1,000 clients" {
		t.Errorf("many clients: %v", p)
	}
	if p := latencyPanels(r.Latency); len(p) != 4 || p[3].title != "p99 µs, 1,000 records/s" || len(p[3].bars) != 3 || p[3].bars[2].name != "Go, spin" {
		t.Errorf("latency: %v", p)
	}
}

func TestPicturesAreXMLWithABarForEachProgram(t *testing.T) {
	files := pictures(someReport())
	if len(files) != 5 {
		t.Fatalf("%d pictures, want 5", len(files))
	}
	for name, text := range files {
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if name == "scale.svg" || name == "latency.svg" {
			continue
		}
		panels := 2
		if name == "text.svg" {
			panels = 1
		}
		for want, n := range map[string]int{
			`class="panel"`: panels, ">dbnloop C++<": panels, ">databento-python<": panels, "not shown": 0,
			`<rect class="ours"`: panels, `<rect class="theirs"`: 2 * panels, "DO NOT EDIT": 1, "A &amp; B &lt;1&gt;, 2 cores": 1,
		} {
			if got := strings.Count(text, want); got != n {
				t.Errorf("%s holds %s %d times, want %d", name, want, got, n)
			}
		}
	}
	if a, b := pictures(someReport()), files; a["cpu.svg"] != b["cpu.svg"] {
		t.Error("the same report gave another picture")
	}
}

func TestALongBarIsCutAndTheOthersStayVisible(t *testing.T) {
	p := panel{bars: []bar{{"a", 8, ours}, {"b", 12, theirs}, {"c", 70, theirs}, {"d", 1500, theirs}}}
	if limit := p.limit(); limit != 12*1.25 {
		t.Errorf("the scale ends at %v", limit)
	}
	var out strings.Builder
	p.draw(&out, 0, 0)
	if got := strings.Count(out.String(), `class="cut"`); got != 2 {
		t.Errorf("%d bars are cut, want 2", got)
	}
	for _, value := range []string{">8.00<", ">12.0<", ">70.0<", ">1,500<"} {
		if !strings.Contains(out.String(), value) {
			t.Errorf("the value %s is missing", value)
		}
	}
}

func TestTheTablesReplaceThoseBefore(t *testing.T) {
	page := "# Title\n" + begin + "old\n" + end + "tail\n"
	first, err := withTables(page, someReport())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "# Title\n"+begin) || !strings.HasSuffix(first, end+"tail\n") || strings.Contains(first, "old") {
		t.Errorf("the page is %q", first)
	}
	if again, err := withTables(first, someReport()); err != nil || again != first {
		t.Errorf("a second time it is another page: %v", err)
	}
	if _, err := withTables("# Title\n", someReport()); err == nil {
		t.Error("a page without marks gives no error")
	}
}

func TestTheCommittedPicturesAndTablesAreThoseOfBenchJSON(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "docs")
	if err := run(docs, true); err != nil {
		t.Error(err)
	}
}

func TestAPictureThatDiffersIsFoundAndWritten(t *testing.T) {
	dir := t.TempDir()
	if err := someReport().Save(filepath.Join(dir, "bench.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "performance.md"), []byte(begin+end), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err == nil {
		t.Error("missing pictures are not found")
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Error(err)
	}
}
