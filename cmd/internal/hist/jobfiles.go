package hist

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// fetched is one file that is there now.
type fetched struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	State  string `json:"state"`
}

// The states of a file that is there.
const (
	stateNew  = "downloaded"
	stateOn   = "resumed" // began with what an earlier run had left
	stateHere = "there"   // was whole already
	// follows the state of a file whose hash is of a kind that is not known
	stateUnchecked = ", unchecked"
)

// JobFiles lists the files of a job.
func (c *Client) JobFiles(id string) (l term.Listing, err error) {
	files, err := c.client.ListFiles(c.ctx, id)
	if err != nil {
		return l, err
	}
	l.Columns = []string{"file", "size", "hash"}
	for _, f := range files {
		if d, err := f.Download("."); err == nil && d.SHA256 == "" {
			c.warnUnchecked(f)
		}
		l.Add(f.Name, term.Grouped(uint64(max(f.Size, 0))), f.Hash)
		l.Items = append(l.Items, f)
	}
	return l, nil
}

// DownloadJob downloads files of a job into dir/id, one after the other: those that are named, or
// all. It overwrites files only when told to by force. The listing holds those that are there,
// also when another one failed.
func (c *Client) DownloadJob(id string, names []string, dir string, force bool) (l term.Listing, err error) {
	if id != filepath.Base(id) || id == "." || id == ".." || id == "" {
		return l, exit.BadUsage("batch download: %q cannot be the name of a job", id)
	}
	all, files, err := c.filesOf(id, names)
	if err != nil {
		return l, err
	}
	directory := filepath.Join(dir, id)
	if err := os.MkdirAll(directory, 0o777); err != nil { // as the umask allows
		return l, exit.Fail(exit.Failure, "cannot create directory %s: %w", directory, err)
	}
	l.Columns = []string{"path", "size", "sha256", "state"}
	for _, f := range files {
		got, err := c.fetch(f, directory, partOf(f, all), force)
		if err != nil {
			return l, err
		}
		l.Add(got.Path, term.Grouped(uint64(got.Size)), got.SHA256, got.State)
		l.Items = append(l.Items, got)
	}
	return l, nil
}

// partOf names the part of a file. No file of the job has that name: one of them may be
// named like another one's part.
func partOf(f dbnloop.BatchFile, all []dbnloop.BatchFile) string {
	for number := 1; ; number++ {
		name := output.PartName(f.Name, number)
		if !slices.ContainsFunc(all, func(other dbnloop.BatchFile) bool { return other.Name == name }) {
			return name
		}
	}
}

// filesOf are the files of a job, and those of them that are wanted: all when none is.
func (c *Client) filesOf(id string, wanted []string) (all, files []dbnloop.BatchFile, err error) {
	all, err = c.client.ListFiles(c.ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if len(all) == 0 {
		job, err := c.client.JobDetails(c.ctx, id)
		if err != nil {
			return nil, nil, err
		}
		return nil, nil, exit.Fail(exit.Failure, "the job %s has no files; it is %s", id, job.State)
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(f dbnloop.BatchFile) bool { return f.Name == name }) {
			return nil, nil, exit.BadUsage("the job %s has no file %q (see batch files)", id, name)
		}
	}
	if len(wanted) == 0 {
		return all, all, nil
	}
	for _, f := range all {
		if slices.Contains(wanted, f.Name) {
			files = append(files, f)
		}
	}
	return all, files, nil
}

// warnUnchecked says that a hash is of no use.
func (c *Client) warnUnchecked(f dbnloop.BatchFile) {
	c.log.Warn(fmt.Sprintf("%s: the server lists the hash %q, which is not a SHA-256: the content is not checked", f.Name, f.Hash))
}

// fetch brings one file, or finds it there. It has the name part until it is complete.
func (c *Client) fetch(f dbnloop.BatchFile, directory, part string, force bool) (got fetched, err error) {
	d, err := f.Download(directory)
	if err != nil {
		return got, err
	}
	got = fetched{Path: d.Path, Size: f.Size, SHA256: d.SHA256, State: stateNew}
	d.Overwrite = force
	if d.SHA256 == "" {
		c.warnUnchecked(f)
		defer func() { got.State += stateUnchecked }()
	}
	if _, err := os.Lstat(d.Path); err == nil && !d.Overwrite {
		got.State = stateHere
		return got, c.checkThere(&d)
	}
	d.Part = filepath.Join(directory, part)
	if info, err := os.Stat(d.Part); err == nil && info.Size() > 0 {
		got.State = stateOn
		c.log.Debug(d.Part + ": resuming after " + term.Quantity(uint64(info.Size())))
	}
	bar := (*term.Progress)(nil)
	if term.IsTerminal(c.Stderr) {
		c.log.Info(d.Path)
		bar = term.NewProgress(c.Stderr, max(d.Size, -1))
	}
	d.Progress = func(p dbnloop.DownloadProgress) { bar.Show(p.Bytes, 0) }
	result, err := c.client.Download(c.ctx, d)
	bar.Clear()
	if err != nil {
		return got, c.explainFile(d.Part, err)
	}
	got.Size, got.SHA256 = result.Bytes, result.SHA256
	return got, nil
}

// checkThere compares a file with what the server lists.
func (c *Client) checkThere(d *dbnloop.DownloadRequest) error {
	file, err := os.Open(d.Path)
	if err != nil {
		return exit.Fail(exit.Failure, "%w", err)
	}
	defer file.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, interruptible{c.ctx, file})
	if err != nil {
		return err
	}
	if n != d.Size || d.SHA256 != "" && !strings.EqualFold(hex.EncodeToString(hash.Sum(nil)), d.SHA256) {
		return exit.Fail(exit.Failure, "%s exists and is not the file of the job: give --force to overwrite it", d.Path)
	}
	return nil
}

// explainFile says what is left of a file that did not become whole.
func (c *Client) explainFile(part string, err error) error {
	var e *dbnloop.Error
	kept := ""
	info, statErr := os.Stat(part)
	if statErr == nil && info.Size() > 0 {
		kept = "; " + term.Quantity(uint64(info.Size())) + " are kept in " + part + ": the same command resumes from there"
	}
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
		c.log.Info(signaled.Name() + kept)
		return err
	case !errors.As(err, &e):
		return err
	case kept != "" && e.Retryable():
		return exit.Fail(exit.Partial, "%s%s", e.Message, kept)
	}
	return c.Explain(err)
}
