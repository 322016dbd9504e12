package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/dbnloop/dbnloop/test/bench/data"
	"github.com/dbnloop/dbnloop/test/bench/serve"
)

// path is something that every record goes through.
type path struct {
	name      string
	program   string
	transport string
	form      string
	kind      data.Kind
	records   int // N
}

// In Go the count varies by some ten thousand instructions, which the number of records must
// make small.
func paths() []path {
	const few, some, many = 20_000, 100_000, 1_000_000
	return []path{
		{"parser, uniform", "receive", "file", "parser", data.Mbo, some},
		{"parser, mixed", "receive", "file", "parser", data.Mixed, some},
		{"live pump, uniform", "receive", "live", "overload", data.Mbo, some},
		{"live pump, mixed", "receive", "live", "overload", data.Mixed, some},
		{"C++ dispatch, uniform", "receive", "file", "overload", data.Mbo, some},
		{"C++ dispatch, mixed", "receive", "file", "overload", data.Mixed, some},
		{"C++ Record, mixed", "receive", "file", "record", data.Mixed, some},
		{"Go dispatch, uniform", "receive_go", "file", "handlers", data.Mbo, many},
		{"Go dispatch, mixed", "receive_go", "file", "handlers", data.Mixed, some},
		{"Go Record, mixed", "receive_go", "file", "record", data.Mixed, some},
		{"CSV, mbo", "receive_go", "file", "csv", data.Mbo, few},
		{"JSON, mbo", "receive_go", "file", "json", data.Mbo, few},
		{"JSON, mixed", "receive_go", "file", "json", data.Mixed, few},
	}
}

// countAll counts all paths, as many at a time as there are processors.
func countAll(programs, dir string) (map[string]float64, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	all := paths()
	counts, errs := make([]float64, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i, p := range all {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if counts[i], errs[i] = perRecord(programs, dir, p); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", p.name, errs[i])
			}
		})
	}
	wg.Wait()
	found := map[string]float64{}
	for i, p := range all {
		found[p.name] = counts[i]
	}
	return found, errors.Join(errs...)
}

func perRecord(programs, dir string, p path) (float64, error) {
	program := filepath.Join(programs, p.program)
	once, err := instructions(program, dir, p, p.records)
	if err != nil {
		return 0, err
	}
	twice, err := instructions(program, dir, p, 2*p.records)
	if err != nil {
		return 0, err
	}
	return float64(twice-once) / float64(p.records), nil
}

// instructions runs a program with n records.
func instructions(program, dir string, p path, n int) (int64, error) {
	var stream bytes.Buffer
	if _, err := data.Write(&stream, p.kind, n); err != nil {
		return 0, err
	}
	var target string
	if p.transport == "live" {
		s, err := serve.Live(stream.Bytes(), 1)
		if err != nil {
			return 0, err
		}
		defer s.Close()
		target = strconv.Itoa(s.Port)
	} else {
		f, err := os.CreateTemp(dir, "*.dbn")
		if err != nil {
			return 0, err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if _, err := f.Write(stream.Bytes()); err != nil {
			return 0, err
		}
		target = f.Name()
	}
	// cachegrind counts what callgrind counts, and is not confused by goroutines' stacks.
	cmd := exec.Command("valgrind", "--tool=cachegrind", "--cache-sim=no", "--branch-sim=no",
		"--cachegrind-out-file=/dev/null", program, p.transport, p.form, target, strconv.Itoa(n))
	// Only what the records cause: no collector, no preemption, one thread that runs Go code.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, stderr.String())
	}
	if want := fmt.Sprintf(`{"records":%d,`, n); !strings.HasPrefix(stdout.String(), want) {
		return 0, fmt.Errorf("the program printed %q, want %s…", stdout.String(), want)
	}
	return parse(stderr.String())
}

var total = regexp.MustCompile(`I +refs: +([0-9,]+)`)

// parse finds valgrind's count.
func parse(text string) (int64, error) {
	found := total.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("valgrind printed no count: %s", text)
	}
	return strconv.ParseInt(strings.ReplaceAll(found[1], ",", ""), 10, 64)
}
