package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// download writes the answer to the output file as the server sends it. It gets its name
// when it was read and found whole: that HTTP is content does not say that DBN is.
func (run *histRun) download() error {
	o := &run.plan.output
	run.startProgress(false)
	began := time.Now()
	file, err := o.openWhole() // a free name in the folder
	if err != nil {
		return err
	}
	file.file.Close() //nolint:errcheck // nothing was written
	var came int64
	run.state = func() {
		run.log.Info(fmt.Sprintf("%s: downloading for %s, %s came", o.path, humanDuration(time.Since(began)), quantity(uint64(came))))
	}
	got, err := run.client.Download(run.ctx, dbnloop.Download{
		Range: run.plan.query, Path: file.whole.temporary, Overwrite: true,
		Progress: func(p dbnloop.Progress) {
			came = p.Bytes
			run.progress.show(came, 0)
		},
	})
	run.progress.clear()
	if err != nil {
		return run.broken(file.whole, err)
	}
	records, err := countRecords(run.ctx, file.whole.temporary)
	if err != nil {
		return run.notWhole(file.whole, records, err)
	}
	if err := file.whole.publish(); err != nil {
		return file.failed(err)
	}
	if run.summary {
		run.log.Info(fmt.Sprintf("%s: %s, %s in %s, SHA-256 %s", o.path, plural(records, "record"),
			quantity(uint64(got.Bytes)), humanDuration(time.Since(began)), got.SHA256))
	}
	return nil
}

// broken keeps what came of a download that broke or was ended.
func (run *histRun) broken(file *wholeFile, err error) error {
	came := os.Rename(file.temporary+cutSuffix, file.temporary) == nil
	var signaled signalError
	if errors.As(err, &signaled) {
		if failed := run.publishPart(file, !came); failed != nil {
			return failed
		}
		what := "nothing came"
		if came {
			what = "what came is kept in " + run.plan.output.path + cutSuffix
		}
		run.log.Info(signalName(signaled.Signal) + ": " + what)
		return err
	}
	var records uint64
	if came {
		records, _ = countRecords(run.ctx, file.temporary) // it ends somewhere
	}
	if failed := run.publishPart(file, !came); failed != nil {
		return failed
	}
	err = run.partial(err, records)
	if came && records == 0 {
		err = fail(ExitPartial, "%w; no whole record came before%s", err, run.plan.output.keptPart())
	}
	return err
}

// notWhole keeps what came of an answer that HTTP is content with, and DBN is not.
func (run *histRun) notWhole(file *wholeFile, records uint64, err error) error {
	if failed := run.publishPart(file, records == 0); failed != nil {
		return failed
	}
	var signaled signalError
	code := ExitCorrupt
	switch {
	case errors.As(err, &signaled):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		code = ExitPartial
	}
	err = fail(code, "%s: the server's answer is not whole: %s", run.plan.output.path, strings.TrimPrefix(err.Error(), "dbn: "))
	return run.withCount(err, records)
}

// publishPart gives what came the name of a part.
func (run *histRun) publishPart(file *wholeFile, empty bool) error {
	o := &run.plan.output
	o.cut, o.empty = true, empty
	if err := file.publish(); err != nil {
		return fail(ExitFailure, "cannot write %s: %w", o.path+cutSuffix, err)
	}
	return nil
}

// countRecords reads a file to its end.
func countRecords(ctx context.Context, path string) (n uint64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(interruptible{ctx, file}, dbn.WithUpgrade(dbn.AsIs), dbn.WithMaxMetadata(1<<32))
	if err != nil {
		return 0, err
	}
	defer decoder.Close()
	for {
		if _, err := decoder.Next(); err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}
