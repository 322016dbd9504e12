// Package info prints what DBN files hold.
package info

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say what is printed of files.
type Options struct {
	Count   bool          // only the number of records
	JSON    bool          // instead of text
	Symbols int           // how many symbols the text lists; 0: all
	Silence time.Duration // list what is longer without a record; 0: nothing
	Decode  []dbn.DecoderOption

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run prints what each file holds, and their sum. A file at fault does not end it; the error is
// that of the worst fault.
func Run(names []string, o Options) error {
	run := &run{Options: o, out: output.StandardOutput(o.Stdout), single: len(names) == 1}
	for _, name := range names {
		if err := run.file(name); err != nil {
			return err
		}
	}
	if len(names) > 1 {
		if err := run.sum(); err != nil {
			return err
		}
	}
	return run.worst
}

type run struct {
	Options
	out      io.Writer
	total    survey.Total
	single   bool // one file was named
	printed  int
	progress *term.Progress
	worst    error
}

// file prints one file. Only an error of the output is returned.
func (run *run) file(name string) error {
	in, size, err := run.open(name)
	if err != nil {
		run.note(name, err)
		return nil
	}
	defer in.Close() //nolint:errcheck // it was only read
	run.progress = term.NewProgress(run.Stderr, size)
	o := survey.Options{Decode: run.Decode, Read: run.progress.Add}
	if run.Count {
		n, fault := survey.Count(in, o)
		run.progress.Clear()
		run.note(name, fault)
		run.total.Records += n
		return run.number(n, name)
	}
	o.Counter = survey.NewCounter()
	o.Counter.Silences.Threshold = run.Silence
	report := survey.Read(in, o).Report(name)
	run.progress.Clear()
	if report.Fault != nil {
		run.note(name, report.Fault.Err)
	}
	run.total.Add(report)
	if run.JSON {
		return run.json(report)
	}
	return run.text(func(p *page) { p.report(report, run.Symbols) })
}

func (run *run) open(name string) (in io.ReadCloser, size int64, err error) {
	if name == "-" {
		return io.NopCloser(run.Stdin), -1, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a directory")}
	}
	if err != nil {
		file.Close() //nolint:errcheck // the first error counts
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return file, -1, nil
	}
	return file, info.Size(), nil
}

// note keeps the worst fault: of the first file that has one of that kind.
func (run *run) note(name string, fault error) {
	if fault == nil {
		return
	}
	err := explain(name, fault)
	if run.worst == nil || severity(err) > severity(run.worst) {
		run.worst = err
	}
}

// explain is a fault of a file as the program's own error.
func explain(name string, fault error) error {
	var path *fs.PathError
	if errors.As(fault, &path) {
		return exit.Fail(exit.Failure, "cannot read %s: %w", name, path.Err)
	}
	code := exit.Failure
	switch survey.KindOf(fault) {
	case survey.Truncated:
		code = exit.Partial
	case survey.Corrupt:
		code = exit.Corrupt
	}
	text := strings.TrimPrefix(fault.Error(), "dbn: ")
	var size *dbn.MetadataSizeError
	if errors.As(fault, &size) {
		text += "; raise --max-metadata if the file is really so large"
	}
	return exit.Fail(code, "%s: %s", name, text)
}

// severity orders exit codes: what cannot be read at all is worse than what is corrupt, and that
// worse than what is cut off.
func severity(err error) int {
	switch exit.FromError(err) {
	case exit.Partial:
		return 1
	case exit.Corrupt:
		return 2
	}
	return 3
}

// number prints a number of records, as wc does.
func (run *run) number(n uint64, name string) error {
	if run.JSON {
		return run.json(struct {
			Path    string `json:"path"`
			Records uint64 `json:"records"`
		}{name, n})
	}
	line := strconv.FormatUint(n, 10)
	if !run.single {
		line += " " + cli.Plain(name)
	}
	_, err := fmt.Fprintln(run.out, line)
	return err
}

func (run *run) sum() error {
	switch {
	case run.Count && run.JSON:
		return run.json(map[string]uint64{"records": run.total.Records})
	case run.Count:
		_, err := fmt.Fprintf(run.out, "%d total\n", run.total.Records)
		return err
	case run.JSON:
		return run.json(map[string]*survey.Total{"total": &run.total})
	}
	return run.text(func(p *page) { p.total(&run.total, run.Symbols) })
}

func (run *run) json(v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(cli.PlainJSON(&b))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return exit.Fail(exit.Failure, "cannot write the answer as JSON: %w", err)
	}
	_, err := run.out.Write(b.Bytes())
	return err
}

// text prints what fill writes, with an empty line between two files.
func (run *run) text(fill func(*page)) error {
	p := new(page)
	if run.printed++; run.printed > 1 {
		p.WriteByte('\n')
	}
	fill(p)
	_, err := run.out.Write(p.Bytes())
	return err
}
