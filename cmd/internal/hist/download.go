package hist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// download writes the answer to the part as the server sends it. The file gets its name
// when it was read and found complete: that HTTP is content does not say that DBN is.
func (run *rangeRun) download(part *output.Part) error {
	o := run.Output
	run.startProgress(false)
	began := time.Now()
	var came int64
	run.state = func() {
		run.log.Info(fmt.Sprintf("%s: downloading for %s, %s received", o.Path, term.HumanDuration(time.Since(began)), term.Quantity(uint64(came))))
	}
	got, err := run.client.Download(run.ctx, dbnloop.DownloadRequest{
		Range: run.Query.HistoricalRequest, Path: part.Name(), Part: part.Name(), Overwrite: true,
		Progress: func(p dbnloop.DownloadProgress) {
			came = p.Bytes
			run.progress.Show(came, 0)
		},
	})
	run.progress.Clear()
	if err != nil {
		return run.broken(part, err)
	}
	records, err := countRecords(run.ctx, part.File())
	if err != nil {
		return run.incomplete(part, records, err)
	}
	if err := part.Publish(); err != nil {
		return o.AllKept(err, records)
	}
	if run.Summary {
		run.log.Info(fmt.Sprintf("%s: %s, %s in %s, SHA-256 %s", o.Path, term.Plural(records, "record"),
			term.Quantity(uint64(got.Bytes)), term.HumanDuration(time.Since(began)), got.SHA256))
	}
	return nil
}

// broken keeps what came of a download that broke or was ended.
func (run *rangeRun) broken(part *output.Part, err error) error {
	o := run.Output
	var signaled exit.Signal
	ended := errors.As(err, &signaled)
	var records uint64
	if !ended {
		records, _ = countRecords(run.ctx, part.File()) // it ends somewhere
	}
	if failed := part.Keep(); failed != nil {
		return failed
	}
	kept := strings.Join(o.Kept(), "")
	switch {
	case ended && kept == "":
		run.endedBy(signaled, "nothing was received")
		return err
	case ended:
		run.endedBy(signaled, "what was received is kept in "+kept)
		return err
	case kept != "" && records == 0:
		return exit.Fail(exit.Partial, "%w; what was received is kept in %s", run.Explain(err), kept)
	}
	run.broke = true
	return run.partial(err, records)
}

// incomplete keeps what came of an answer that HTTP is content with, and DBN is not.
func (run *rangeRun) incomplete(part *output.Part, records uint64, err error) error {
	o := run.Output
	if failed := part.Keep(); failed != nil {
		return failed
	}
	var signaled exit.Signal
	code := exit.Corrupt
	switch {
	case errors.As(err, &signaled):
		run.endedBy(signaled, "everything was received, but not checked"+o.KeptPart())
		return err
	case exit.FromError(err) == exit.Partial:
		code = exit.Partial
	}
	err = exit.Fail(code, "%s: the server's answer is incomplete: %s", o.Path, strings.TrimPrefix(err.Error(), "dbn: "))
	if records == 0 && len(o.Kept()) > 0 {
		return exit.Fail(code, "%w; what was received is kept in %s", err, strings.Join(o.Kept(), ""))
	}
	return run.withCount(err, records)
}

// countRecords reads a file to its end.
func countRecords(ctx context.Context, file io.ReadSeeker) (n uint64, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
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
