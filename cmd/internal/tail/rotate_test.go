package tail

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// rotated reads the files of a capture in their order. Each must be readable on its own, with the
// symbol of each record.
func rotated(t *testing.T, dir string) (records [][]byte, names []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.dbn*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		decoder, err := dbn.NewDecoder(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		symbols := dbn.NewPitSymbolMap()
		for {
			r, err := decoder.Next()
			if err != nil {
				break
			}
			if symbols.OnRecord(r); r.RType().IsMessage() {
				continue
			}
			if symbol, _ := symbols.Symbol(r.Header().InstrumentID); symbol != "ESZ6" {
				t.Fatalf("%s: instrument %d has the symbol %q", name, r.Header().InstrumentID, symbol)
			}
			records = append(records, bytes.Clone(r.Bytes()))
		}
		decoder.Close()
		file.Close()
	}
	return records, names
}

// wholeCapture is what a capture of one file holds.
func wholeCapture(t *testing.T, args string) [][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole.dbn")
	if code, stderr := runTail(t, args+" --reconnect=false -o "+path); code != exit.OK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	return dataOf(t, path)
}

func rotatingGateway(t *testing.T, fault string) (args string) {
	t.Helper()
	config := sim.Config{SharedMarket: true}
	if fault != "" {
		if err := config.Faults.ParseFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	gw := simtest.Gateway(t, config)
	if _, err := gw.Advance(1 << 20); err != nil {
		t.Fatal(err)
	}
	return "-k " + sim.TestKey + " -d GLBX.MDP3 -s mbo --start 0 --gateway " + gw.Addr() + " ESZ6 "
}

// The files of a capture hold the stream in its order, also when its sessions break.
func TestACaptureGoesOnInTheNextFile(t *testing.T) {
	want := wholeCapture(t, rotatingGateway(t, "")+"-l 1000")
	for _, test := range []struct{ rotate, pattern string }{
		{"4KiB", "es-{date}-{time}.dbn"},
		{"2KiB", "es-{part}.dbn.zst"},
		{"1s", "es-{date}-{time}.dbn"},
		{"1h,8KiB", "{date}-{time}.dbn"},
	} {
		t.Run(test.rotate, func(t *testing.T) {
			dir := t.TempDir()
			args := rotatingGateway(t, "reset=331,on=1-2")
			code, stderr := runTail(t, args+"-l 1000 --rotate "+test.rotate+" -O "+filepath.Join(dir, test.pattern))
			if code != exit.OK || !strings.Contains(stderr, "the stream broke") {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			got, names := rotated(t, dir)
			if !same(got, want) {
				t.Errorf("%d records in %d files, want %d", len(got), len(names), len(want))
			}
			if len(names) < 2 {
				t.Errorf("files: %v", names)
			}
		})
	}
}

// A writer that was killed at any byte of any file: the next one continues.
func TestACaptureOfManyFilesIsResumedWhereverItWasCut(t *testing.T) {
	args := rotatingGateway(t, "")
	want := wholeCapture(t, args+"-l 1000")
	for _, pattern := range []string{"es-{date}-{time}.dbn", "es-{part}.dbn.zst"} {
		dir := t.TempDir()
		capture := args + "--rotate 4KiB --resume "
		if code, stderr := runTail(t, capture+filepath.Join(dir, pattern)+" -l 1000"); code != exit.OK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		_, names := rotated(t, dir)
		if len(names) < 3 {
			t.Fatalf("files: %v", names)
		}
		for cut := range 12 {
			t.Run(fmt.Sprint(filepath.Ext(pattern), cut), func(t *testing.T) {
				left := t.TempDir()
				last := 1 + cut%(len(names)-1) // the file that was written when the writer was killed
				for i, name := range names[:last+1] {
					data := read(t, name)
					to := filepath.Join(left, filepath.Base(name))
					if i == last {
						to, data = to+".part", data[:len(data)*(cut+1)/13]
					}
					if err := os.WriteFile(to, data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				had := 0
				for _, name := range names[:last] {
					had += len(dataOf(t, name))
				}
				had += salvagedIn(t, filepath.Join(left, filepath.Base(names[last])+".part"))
				code, stderr := runTail(t, capture+filepath.Join(left, pattern)+" -l "+strconv.Itoa(len(want)-had))
				if code != exit.OK {
					t.Fatalf("exit code %d: %s", code, stderr)
				}
				got, now := rotated(t, left)
				if !same(got, want) {
					t.Errorf("%d records, want %d, in %v", len(got), len(want), now)
				}
				if parts, _ := filepath.Glob(filepath.Join(left, "*.part")); len(parts) > 0 {
					t.Errorf("left: %v", parts)
				}
			})
		}
	}
}

// salvagedIn is salvaged for a file that may hold nothing that can be read.
func salvagedIn(t *testing.T, path string) int {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return 0
	}
	return salvaged(t, path)
}

// A capture that ended in order is followed by the next file.
func TestACaptureThatEndedIsFollowedByTheNextFile(t *testing.T) {
	args, dir := rotatingGateway(t, ""), t.TempDir()
	want := wholeCapture(t, args+"-l 300")
	for _, n := range []string{"100", "150", "50"} {
		if code, stderr := runTail(t, args+"--rotate 1d --resume "+filepath.Join(dir, "es-{date}-{time}.dbn.zst")+" -l "+n); code != exit.OK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
	}
	got, names := rotated(t, dir)
	if len(names) != 3 || !same(got, want) {
		t.Errorf("%d records, want %d, in %v", len(got), len(want), names)
	}
}

func TestRotationIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--rotate 1h -O x.dbn":                                        "need {date} and {time}",
		"--rotate 1h -O {date}.dbn":                                   "need {date} and {time}",
		"--rotate 7h -O {part}.dbn":                                   "divides a day",
		"--rotate 1h,2h -O {part}.dbn":                                "one duration and one size",
		"--rotate soon -O {part}.dbn":                                 "want a duration such as 1h",
		"--rotate 1h":                                                 "need --output-pattern",
		"--rotate 1h -S symbol -O {part}.dbn":                         "give one of them",
		"--rotate 1h -O {symbol}-{part}.dbn":                          "{symbol} has no value here",
		"--resume {date}.dbn":                                         "needs --rotate",
		"--rotate 1h -O missing/{part}.dbn":                           "no such file or directory",
		"-S symbol -O {symbol}/../{symbol}.dbn":                       "would leave the directory",
		"-S symbol -O a.dbn":                                          "all files would have one name",
		"-S symbol -O {symbol}-{date}.dbn":                            "{date} has no value here",
		"-S symbol -O {Symbol}.dbn":                                   "{Symbol} is unknown",
		"-S hour -O {date}.dbn":                                       "want symbol, schema, day, week, month, year, size",
		"-S size -O {part}.dbn":                                       "needs --part-size",
		"-S day --part-size 1GiB -O {date}.dbn":                       "is for --split-by size",
		"-S size --part-size 12 -O {part}.dbn":                        "at least 1KiB",
		"-S day -O {date}.xyz":                                        "gives no encoding",
		"-S day":                                                      "need --output-pattern",
		"-O {date}.dbn":                                               "need --split-by",
		"-S day -O {date}.dbn -o y.dbn":                               "output",
		"-S day --table -O {date}":                                    "output-pattern",
		"--rotate 1h --resume {date}-{time}.dbn -O {date}-{time}.dbn": "output-pattern",
	} {
		code, stderr := runTail(t, "-k "+sim.TestKey+" -d GLBX.MDP3 -s mbo --gateway 127.0.0.1:1 "+args+" ESZ6")
		if code != exit.Usage && code != exit.Failure || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d: %s", args, code, stderr)
		}
	}
}

// Records are added to what a file holds, under the one header that it has.
func TestCapturesAreAddedTo(t *testing.T) {
	args, dir := rotatingGateway(t, ""), t.TempDir()
	for _, name := range []string{"x.csv", "x.dbn", "x.dbn.zst"} {
		path := filepath.Join(dir, name)
		for range 2 {
			if code, stderr := runTail(t, args+"-l 7 --append -o "+path); code != exit.OK {
				t.Fatalf("%s: exit code %d: %s", name, code, stderr)
			}
		}
		if name == "x.csv" {
			text := string(read(t, path))
			if strings.Count(text, "\n") != 15 || strings.Count(text, "ts_recv") != 1 {
				t.Errorf("%s", text)
			}
			continue
		}
		got := dataOf(t, path)
		if len(got) != 14 || !same(got[:7], got[7:]) { // both began at the beginning
			t.Errorf("%s: %d records", name, len(got))
		}
	}
	if code, stderr := runTail(t, args+"--append"); code != exit.Usage || !strings.Contains(stderr, "needs --output") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, name := range []string{"x.parquet", "x.arrow"} { // their ends cannot be added to
		if code, stderr := runTail(t, args+"--append -o "+filepath.Join(dir, name)); code != exit.Usage || !strings.Contains(stderr, "nothing can be added") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	}
	if code, stderr := runTail(t, strings.Replace(args, "-s mbo", "-s mbo --ts-out", 1)+"--append -o "+filepath.Join(dir, "x.dbn")); code != exit.Failure || !strings.Contains(stderr, "ts_out") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
