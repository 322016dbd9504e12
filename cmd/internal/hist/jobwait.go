package hist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// maxMisses is how many questions in a row may fail, for reasons that pass, while a job is awaited.
const maxMisses = 20

// jobWait waits until a job is done.
type jobWait struct {
	*Client
	id    string
	every time.Duration
	began time.Time
	state string // as it was shown last
	shown bool   // on the terminal's last line
}

// SubmitAndDownload orders a job as Submit does, waits until it is done, and downloads its files
// into dir/JOB. The directory is made before anything is ordered.
func (c *Client) SubmitAndDownload(q Query, request dbnloop.BatchRequest, every time.Duration, dir string, force bool) (l term.Listing, err error) {
	if err = os.MkdirAll(dir, 0o777); err != nil { // as the umask allows
		return l, exit.Fail(exit.Failure, "cannot create directory %s: %w", dir, err)
	}
	if err = unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return l, exit.Fail(exit.Failure, "cannot write to directory %s: %w: nothing was ordered", dir, err)
	}
	job, err := c.order(q, request)
	if err != nil {
		return l, err
	}
	c.log.Info("the job " + job.ID + " was submitted")
	return c.AwaitAndDownload(job.ID, nil, every, dir, force)
}

// AwaitAndDownload downloads files of a job as DownloadJob does, once they are there.
func (c *Client) AwaitAndDownload(id string, names []string, every time.Duration, dir string, force bool) (l term.Listing, err error) {
	if err = c.Await(id, every, "dbn-tail batch download --wait --dir "+dir+" "+id+" fetches its files"); err != nil {
		return l, err
	}
	return c.DownloadJob(id, names, dir, force)
}

// Await waits until the files of a job are there, and asks for its state every so often. What comes
// after an error, to resume, is said by hint.
func (c *Client) Await(id string, every time.Duration, hint string) error {
	w := &jobWait{Client: c, id: id, every: every, began: time.Now()}
	c.state = w.print
	defer func() { c.state = nil }()
	err := w.run()
	w.clear()
	var signaled exit.Signal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &signaled):
		c.log.Error(signaled.Name() + ": the server keeps working on the job " + id + "; " + hint)
		return err
	}
	err = c.Explain(err)
	return exit.Fail(exit.FromError(err), "%w; %s", err, hint)
}

// run asks until the job is done.
func (w *jobWait) run() error {
	misses := 0
	for {
		job, err := w.client.JobDetails(w.ctx, w.id)
		var e *dbnloop.Error
		switch {
		case err == nil:
			misses = 0
			w.show(&job)
		case errors.As(err, &e) && e.Retryable() && misses < maxMisses && w.ctx.Err() == nil:
			misses++
			w.clear()
			w.log.Warn("asking for the state of the job failed, trying again: " + term.WithoutOption(term.InFlags(e.Message)))
		default:
			return err
		}
		switch {
		case job.State == "done":
			return nil
		case job.State == "expired":
			return exit.Fail(exit.Failure, "the job %s has expired: its files are not kept any longer", w.id)
		}
		if err := w.pause(); err != nil {
			return err
		}
	}
}

// pause lets time pass until the next question.
func (w *jobWait) pause() error {
	over := false
	timer, err := w.reactor.AfterFunc(w.every, func() { over = true })
	if err != nil {
		return err
	}
	defer w.reactor.Cancel(timer)
	defer context.AfterFunc(w.ctx, func() { w.reactor.Post(func() {}) })()
	for !over {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		if _, err := w.reactor.Poll(-1); err != nil {
			return err
		}
	}
	return nil
}

// show says how far the job is: on a terminal always on the same line, elsewhere at each new
// state.
func (w *jobWait) show(job *dbnloop.BatchJob) {
	before := w.state
	w.state = job.State
	line := job.State
	if job.Progress != nil && job.State != "done" {
		line += fmt.Sprintf(", %d %%", *job.Progress)
	}
	if !term.IsTerminal(w.Stderr) {
		if w.state != before {
			w.log.Info("job " + w.id + ": " + line)
		}
		return
	}
	w.shown = true
	fmt.Fprintf(term.Patient(w.Stderr), "\r\x1b[Kjob %s: %s, %s", w.id, line, term.HumanDuration(time.Since(w.began)))
}

// clear takes the line off the terminal.
func (w *jobWait) clear() {
	if w.shown {
		w.shown = false
		fmt.Fprint(term.Patient(w.Stderr), "\r\x1b[K")
	}
}

// print is what SIGUSR1 asks for.
func (w *jobWait) print() {
	w.clear()
	w.log.Info(fmt.Sprintf("job %s: %s, waiting for %s", w.id, w.state, term.HumanDuration(time.Since(w.began))))
}
