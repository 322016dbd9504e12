package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/test/bench/data"
	"github.com/dbnloop/dbnloop/test/bench/report"
	"github.com/dbnloop/dbnloop/test/bench/serve"
)

func TestAResultMustBeThatOfTheStream(t *testing.T) {
	want := data.Total{Records: 3, Sum: 1<<64 - 1}
	for _, c := range []struct{ out, wrong string }{
		{`{"records":3,"sum":18446744073709551615,"seconds":0.5,"cpu":0.25}`, ""},
		{`{"records":2,"sum":18446744073709551615,"seconds":0.5,"cpu":0.25}`, "found 2 records"},
		{`{"records":3,"sum":4,"seconds":0.5,"cpu":0.25}`, "sum 4"},
		{`{"records":3,"sum":18446744073709551615,"seconds":0,"cpu":0.25}`, "cannot be"},
		{"Segmentation fault\n", "not one line of JSON"},
		{"", "not one line of JSON"},
	} {
		r, err := parse([]byte(c.out+"\n"), want)
		switch {
		case c.wrong == "" && (err != nil || r != result{3, 1<<64 - 1, 0.5, 0.25}):
			t.Errorf("%s: %+v, %v", c.out, r, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: error %v, want one about %q", c.out, err, c.wrong)
		}
	}
}

func TestEachWorkloadHasOneNameAndBeginsWithItsReference(t *testing.T) {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
		var forms []string
		for _, f := range w.forms {
			forms = append(forms, f.name)
		}
		if slices.Sort(forms); len(slices.Compact(forms)) != len(w.forms) {
			t.Errorf("%s: two forms have one name", w.name)
		}
		want := "bare"
		switch {
		case w.transport == asText:
			want = peerTool
		case w.kind == data.Definitions:
			want = "receive"
		}
		if w.forms[0].program != want {
			t.Errorf("%s: the reference is %q, want %q", w.name, w.forms[0].program, want)
		}
	}
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("two workloads have one name: %q", names)
	}
}

// A program stands in for one that is measured.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPeerThatFailsIsLeftOutAndReported(t *testing.T) {
	dir := t.TempDir()
	var s store
	s.dir = dir
	f, err := s.file(data.Mbo, 1000, false)
	if err != nil {
		t.Fatal(err)
	}
	good := script(t, `echo '{"records":1000,"sum":`+strconv.FormatUint(f.contents.All.Sum, 10)+`,"seconds":0.5,"cpu":0.25}'`)
	bad := script(t, "echo no such host >&2; exit 3")
	b := bench{options: options{rounds: 3, records: 1000, only: regexp.MustCompile(""), peers: true}, data: s}
	b.programs = map[string]program{"ours": {path: good}, "theirs": {path: bad, peer: true}, "absent": {peer: true, reason: "x"}}
	w := workload{name: "file", transport: fromFile, kind: data.Mbo, divisor: 1, forms: []form{
		{name: "ours", program: "ours", arg: "runs"}, {name: "theirs", program: "theirs", arg: "next"}, {name: "absent", program: "absent", arg: "next"},
	}}
	rows, notRun, err := b.measure(w)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].MedianSeconds != 0.5 || rows[0].CPUPerRecord != 250_000 || rows[0].Speed != 1 {
		t.Errorf("rows %+v", rows)
	}
	if len(notRun) != 1 || notRun[0].Program != "theirs" || !strings.Contains(notRun[0].Reason, "no such host") {
		t.Errorf("not run: %+v", notRun)
	}
	b.programs["ours"] = program{path: bad}
	if _, _, err := b.measure(w); err == nil {
		t.Error("the failure of an own program is not an error")
	}
}

func TestALiveStreamIsRepeated(t *testing.T) {
	s := store{dir: t.TempDir()}
	f, err := s.forWorkload(workload{transport: live, kind: data.Mixed}, 6400)
	if err != nil {
		t.Fatal(err)
	}
	if f.contents.All.Records != 6400 {
		t.Errorf("%d records, want 6400", f.contents.All.Records)
	}
	stream, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	server, err := serve.Live(stream, f.repeat)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(server.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "auth=x\nsubscribe\nstart_session\n")
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(all), "session_id=1\n")
	header := len(stream) - (len(got)-len(stream))/(f.repeat-1)
	if want := string(stream[:header]) + strings.Repeat(string(stream[header:]), f.repeat); got != want {
		t.Errorf("%d bytes arrived, want %d, a header of %d and the rest %d times", len(got), len(want), header, f.repeat)
	}
}

func TestLinesOfSeveralRoundsGiveTheirMedians(t *testing.T) {
	var rounds [][]report.Line
	for _, ns := range []string{"9", "30", "10"} {
		lines, err := parseLines("many", "starting\nmany language=C++ mode=spin clients=10 ns="+ns+"\nmany language=Go clients=10 ns=1"+ns+"\nmany language=Go clients=0 count=0\n")
		if err != nil {
			t.Fatal(err)
		}
		rounds = append(rounds, lines)
	}
	got, err := medians(rounds)
	if err != nil {
		t.Fatal(err)
	}
	want := []report.Line{
		{Program: "C++, spin", Values: map[string]float64{"clients": 10, "ns": 10}},
		{Program: "Go", Values: map[string]float64{"clients": 10, "ns": 110}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, out := range []string{"", "other clients=1\n", "many clients\n"} {
		if lines, err := parseLines("many", out); err == nil {
			t.Errorf("%q gave %v", out, lines)
		}
	}
	if _, err := medians([][]report.Line{want, want[:1]}); err == nil {
		t.Error("rounds with different lines give no error")
	}
}
