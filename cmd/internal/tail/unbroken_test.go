package tail

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/capture"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// dataOf reads the market data of a DBN file, as bytes.
func dataOf(t *testing.T, path string) (records [][]byte) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err == io.EOF {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		if !r.RType().IsMessage() {
			records = append(records, bytes.Clone(r.Bytes()))
		}
	}
}

func runTail(t *testing.T, line string) (code int, stderr string) {
	t.Helper()
	var messages strings.Builder
	p := &Program{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &messages, Getenv: func(string) string { return "" }}
	return p.Run(strings.Fields(line)), messages.String()
}

func same(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// A capture whose sessions break after some records has every record once.
func TestACaptureSurvivesItsSessions(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole.dbn")
	gw := simtest.Gateway(t, sim.Config{})
	line := "-k " + sim.TestKey + " -d GLBX.MDP3 -s mbo --start 0 -l 400 --reconnect=false -o " + whole + " --gateway " + gw.Addr() + " ESZ6"
	if code, stderr := runTail(t, line); code != exit.OK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want := dataOf(t, whole)
	for _, name := range []string{"broken.dbn", "broken.dbn.zst"} {
		config := sim.Config{SharedMarket: true}
		if err := config.Faults.ParseFault("reset=131,on=1-3"); err != nil {
			t.Fatal(err)
		}
		gw := simtest.Gateway(t, config)
		if _, err := gw.Advance(1 << 20); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		code, stderr := runTail(t, "-k "+sim.TestKey+" -d GLBX.MDP3 -s mbo --start 0 -l 400 -o "+path+" --gateway "+gw.Addr()+" ESZ6")
		if code != exit.OK {
			t.Fatalf("%s: exit code %d: %s", name, code, stderr)
		}
		if !strings.Contains(stderr, "the stream broke") {
			t.Errorf("%s: nothing broke: %s", name, stderr)
		}
		if got := dataOf(t, path); !same(got, want) {
			t.Errorf("%s: %d records, want the same %d", name, len(got), len(want))
		}
	}
}

// A writer that was killed at any byte: the next one continues the file.
func TestACaptureIsResumedWhereverItWasCut(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{SharedMarket: true})
	if _, err := gw.Advance(1 << 20); err != nil {
		t.Fatal(err)
	}
	args := "-k " + sim.TestKey + " -d GLBX.MDP3 -s mbo --start 0 --gateway " + gw.Addr() + " ESZ6 "
	for _, name := range []string{"x.dbn", "x.dbn.zst"} {
		dir := t.TempDir()
		whole := filepath.Join(dir, name)
		if code, stderr := runTail(t, args+"-l 400 --resume "+whole); code != exit.OK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		want, bytesOf := dataOf(t, whole), read(t, whole)
		for cut := len(bytesOf) - 1; cut > 300; cut -= max(len(bytesOf)/40, 1) {
			path := filepath.Join(dir, "cut-"+name)
			if err := os.WriteFile(path, bytesOf[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			had, code, stderr := 0, 0, ""
			if had = salvaged(t, path); had == len(want) {
				continue
			}
			left := len(want) - had
			if code, stderr = runTail(t, args+"-l "+strconv.Itoa(left)+" --resume "+path); code != exit.OK {
				if had == 0 && code == exit.Failure && strings.Contains(stderr, "metadata is not complete") {
					continue
				}
				t.Fatalf("%s cut at %d: exit code %d: %s", name, cut, code, stderr)
			}
			if got := dataOf(t, path); !same(got, want) {
				t.Fatalf("%s cut at %d: %d records, want the same %d", name, cut, len(got), len(want))
			}
		}
	}
}

func TestWhatCannotBeResumedIsRefused(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := filepath.Join(dir, "good.dbn")
	base := "-k " + sim.TestKey + " --gateway " + gw.Addr() + " ESZ6 "
	if code, stderr := runTail(t, base+"-d GLBX.MDP3 -s trades --start 0 -l 20 --resume "+good); code != exit.OK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	data := read(t, good)
	damaged := bytes.Clone(data)
	damaged[len(damaged)-48*3] = 1 // the length of a record
	directory := filepath.Join(dir, "h.dbn")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, args, want string }{
		{"no DBN", "-d GLBX.MDP3 -s trades --resume " + write("a.dbn", []byte(strings.Repeat("no DBN ", 99))), "DBN"},
		{"a hole", "-d GLBX.MDP3 -s trades --resume " + write("b.dbn", damaged), "corrupt"},
		{"another dataset", "-d XNAS.ITCH -s trades --resume " + write("c.dbn", data), "GLBX.MDP3"},
		{"ts_out", "-d GLBX.MDP3 -s trades --ts-out --resume " + write("d.dbn", data), "ts_out"},
		{"text", "-d GLBX.MDP3 -s trades --resume " + write("f.csv", data), "DBN"},
		{"with output", "-d GLBX.MDP3 -s trades -o x.dbn --resume " + write("g.dbn", data), "resume"},
		{"a directory", "-d GLBX.MDP3 -s trades --resume " + directory, "directory"},
	} {
		code, stderr := runTail(t, base+test.args)
		if code == exit.OK || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, %s", test.name, code, stderr)
		}
	}
}

// A writer that was killed before anything that it wrote can be read: the file begins again.
func TestACaptureThatHardlyBeganBeginsAgain(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	args := "-k " + sim.TestKey + " --gateway " + gw.Addr() + " ESZ6 -d GLBX.MDP3 -s trades --start 0 -l 20 --resume "
	for _, name := range []string{"x.dbn", "x.dbn.zst"} {
		dir := t.TempDir()
		whole := filepath.Join(dir, name)
		if code, stderr := runTail(t, args+whole); code != exit.OK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		want, data := dataOf(t, whole), read(t, whole)
		for _, cut := range []int{0, 1, 3, 8, 20, 40} {
			path := filepath.Join(dir, "cut-"+name)
			if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			if code, stderr := runTail(t, args+path); code != exit.OK {
				t.Fatalf("%s cut at %d: exit code %d: %s", name, cut, code, stderr)
			}
			if got := dataOf(t, path); !same(got, want) {
				t.Fatalf("%s cut at %d: %d records, want the same %d", name, cut, len(got), len(want))
			}
		}
	}
}

// One writer at a time.
func TestAResumedFileIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.dbn")
	file, err := capture.Resume(path, capture.Wanted{Dataset: "GLBX.MDP3"})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	code, stderr := runTail(t, "-k "+sim.TestKey+" --gateway 127.0.0.1:1 -d GLBX.MDP3 -s trades --resume "+path+" ESZ6")
	if code != exit.Failure || !strings.Contains(stderr, "another process") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// salvaged counts the market data that a cut file still gives.
func salvaged(t *testing.T, path string) (n int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return 0
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			return n
		}
		if !r.RType().IsMessage() {
			n++
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
