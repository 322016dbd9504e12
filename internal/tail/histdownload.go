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
	run.state = func() { run.log.Info(fmt.Sprintf("%s: downloading for %s", o.path, humanDuration(time.Since(began)))) }
	got, err := run.client.Download(run.ctx, dbnloop.Download{
		Range: run.plan.query, Path: file.whole.temporary, Overwrite: true,
		Progress: func(p dbnloop.Progress) { run.progress.show(p.Bytes, 0) },
	})
	run.progress.clear()
	if err != nil {
		file.whole.remove()
		return run.explainDownload(err)
	}
	records, err := countRecords(run.ctx, file.whole.temporary)
	if err != nil {
		return run.publishPart(file.whole, records, err)
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

// explainDownload says in which state a download left the file.
func (run *histRun) explainDownload(err error) error {
	var signaled signalError
	if errors.As(err, &signaled) {
		run.log.Info(signalName(signaled.Signal) + ": nothing is kept")
		return err
	}
	return run.explain(err)
}

// publishPart keeps what came of an answer that is not whole.
func (run *histRun) publishPart(file *wholeFile, records uint64, err error) error {
	o := &run.plan.output
	o.cut, o.empty = true, records == 0
	if failed := file.publish(); failed != nil {
		return fail(ExitFailure, "cannot write %s: %w", o.path+cutSuffix, failed)
	}
	var signaled signalError
	code := ExitCorrupt
	switch {
	case errors.As(err, &signaled):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		code = ExitPartial
	}
	err = fail(code, "%s: the server's answer is not whole: %s", o.path, strings.TrimPrefix(err.Error(), "dbn: "))
	return run.withCount(err, records)
}

// countRecords reads a file to its end.
func countRecords(ctx context.Context, path string) (n uint64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(interruptible{ctx, file}, dbn.WithUpgrade(dbn.AsIs))
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
