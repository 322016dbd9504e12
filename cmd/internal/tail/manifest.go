package tail

import (
	"path/filepath"

	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
)

// captureLog notes in a manifest what happens to a capture of several files.
type captureLog struct{ log *manifest.Log } // nil: there is no manifest

// hook makes the capture report to the log.
func (l *captureLog) hook(o *split.Options) {
	o.Finished, o.Happened = l.finished, l.happened
}

func (l *captureLog) finished(file *split.File) error {
	if l.log == nil {
		return nil
	}
	counts := make(map[survey.Cell]uint64, len(file.Counts))
	for key, n := range file.Counts {
		counts[survey.Cell{RType: key.RType, Symbol: key.Symbol}] = n
	}
	return l.log.Finished(file.Path, &manifest.Tally{
		First: file.First, Last: file.Last, Records: file.Records, Messages: file.Messages,
		Counts: counts, Bytes: file.Bytes, SHA256: file.SHA256[:],
	})
}

func (l *captureLog) happened(e split.Event) error {
	if l.log == nil {
		return nil
	}
	b := manifest.Break{Path: e.Path, Schema: e.Schema, From: e.From, To: e.To}
	if e.Filled {
		return l.log.Filled(b, e.Replayed, e.Duplicate)
	}
	return l.log.Gap(b, e.Reason)
}

// beginManifest opens the manifest of a capture of several files, notes the files that a killed
// writer could not, and that the capture begins. The returned function closes it.
func (c *commandLine) beginManifest(s *session, f *rootFlags) (end func(), err error) {
	if f.splitter == nil || f.splitter.By != split.Rotate || s.Output.Format != output.DBN {
		return func() {}, nil
	}
	pattern := f.splitter.Pattern
	name, err := filepath.Rel(pattern.Directory(), pattern.String())
	if err != nil {
		return nil, err
	}
	log, err := manifest.Open(pattern.Directory(), name, s.Dataset)
	if err != nil {
		return nil, err
	}
	end = func() { log.Close() } //nolint:errcheck // each entry was synchronised
	resumed := s.Unbroken != nil && s.Unbroken.Position != nil
	if err = c.recreate(log, pattern); err != nil {
		end()
		return nil, err
	}
	var subscriptions []manifest.Subscription
	for _, sub := range s.Subscriptions {
		subscriptions = append(subscriptions, manifest.Subscription{
			Schema: sub.Schema.String(), StypeIn: sub.StypeIn.String(), Symbols: sub.Symbols,
		})
	}
	if err = log.Begin(resumed, subscriptions); err != nil {
		end()
		return nil, err
	}
	f.captureLog.log = log
	return end, nil
}

// recreate notes the complete files of a pattern that the manifest lacks.
func (c *commandLine) recreate(log *manifest.Log, pattern *split.Pattern) error {
	found, err := split.Find(pattern)
	if err != nil {
		return err
	}
	var paths []string
	for _, file := range found {
		if !file.Part {
			paths = append(paths, file.Path)
		}
	}
	n, err := log.Recreate(paths)
	if n > 0 {
		c.log.Info("noted complete files that the manifest lacked", "files", n)
	}
	return err
}
