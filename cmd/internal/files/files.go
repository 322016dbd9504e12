// Package files prints DBN files: one, several merged by time, one that still grows, or standard
// input.
package files

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say what is read, and how.
type Options struct {
	Schemas    []dbn.Schema // that were asked for; none: all that there is
	Selection  stream.Selection
	Policy     dbn.UpgradePolicy
	Decode     []dbn.DecoderOption
	Fragment   bool // the records have no metadata
	Follow     bool // wait for more at the end of a file
	FollowName bool // and for another file of its name
	Stats      time.Duration
	OutputPath string // "": standard output

	// Output is where records go, once the metadata says which schemas they are of and whether
	// they carry the time at which they were sent.
	Output func(schemas []dbn.Schema, tsOut bool) (output.Settings, error)

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Exit           func(code int)
}

// fileRun is one run over files. All but wake is used from one goroutine.
type fileRun struct {
	log      *slog.Logger
	wake     *wakeup
	progress *term.Progress
	ticked   time.Time
	options  Options
	schemas  []dbn.Schema // of the output
	output   output.Output
	sel      stream.Selection
	stream   *stream.Stream
	inputs   []*input
	pool     *filePool     // of several inputs
	filtered bool          // by schemas that were asked for
	fragment bool          // the next record is the first of a fragment
	header   *dbn.Metadata // of the output
	partial  bool          // a file that was replaced had ended inside a record
}

// Run prints files: one, or several that are merged by time.
func Run(log *slog.Logger, names []string, o Options) error {
	run := &fileRun{log: log, ticked: time.Now(), options: o, schemas: o.Schemas, sel: o.Selection}
	var err error
	if run.wake, err = newWakeup(o.Stdout, o.OutputPath); err != nil {
		return err
	}
	defer run.wake.close()
	defer exit.WatchSignals(run.wake.stopBy, run.wake.askState, o.Exit)()
	defer run.closeInputs()
	if err := run.open(names); err != nil {
		return run.conclude(err)
	}
	if err := run.prepare(); err != nil {
		return err
	}
	return run.conclude(run.copy())
}

func (run *fileRun) closeInputs() {
	for _, in := range run.inputs {
		in.close()
	}
}

// open opens all files and reads their metadata.
func (run *fileRun) open(names []string) error {
	o := &run.options
	if len(names) > 1 {
		run.pool = newFilePool()
	}
	for _, name := range names {
		in, err := run.openInput(name, o.Stdin, o.Follow, o.FollowName)
		if err != nil {
			return err
		}
		run.inputs = append(run.inputs, in)
		if err := in.decode(); err != nil {
			return run.explain(in.name, err)
		}
	}
	run.sel.Follow = run.inputs[0].following != nil // a pipe is read to its end, and no further
	return nil
}

// prepare finds out what to do with the records, now that the metadata is known.
func (run *fileRun) prepare() error {
	o := &run.options
	metadata, err := run.metadata()
	if err != nil {
		return exit.Fail(exit.Failure, "%s", strings.TrimPrefix(err.Error(), "dbn: "))
	}
	file := new(stream.FileRecords)
	filtered := len(run.schemas) > 0
	run.filtered, run.fragment = filtered, o.Fragment
	if !filtered && metadata.Schema != dbn.SchemaNone {
		run.schemas = []dbn.Schema{metadata.Schema}
	}
	if err := run.sel.Filter.Check(run.schemas); err != nil {
		return exit.BadUsage("%w", err)
	}
	if run.output.Settings, err = o.Output(run.schemas, metadata.TsOut); err != nil {
		return err
	}
	separated := run.output.Format == output.CSV || run.output.Format == output.TSV
	if separated && len(run.schemas) == 0 && !o.Fragment && !run.output.Metadata && !run.output.BySchema {
		return exit.BadUsage("%s holds one schema, but the input may have several: choose one with --schema, or use -J", run.output.Format)
	}
	run.output.Whole, run.output.Fragment = !o.Follow, o.Fragment
	if !run.output.Whole && run.inputs[0].is(o.OutputPath) {
		return exit.BadUsage("--output %s is the file that is followed: give another one", o.OutputPath)
	}
	file.Want(run.schemas, &run.output.Settings, filtered)
	if symbols, err := dbn.TsSymbolMapOf(metadata); err != nil {
		run.log.Debug("no symbols from the metadata: " + err.Error())
	} else if symbols.Len() > 0 {
		file.SetSymbols(symbols)
	}
	run.narrow(metadata, filtered)
	run.stream = stream.New(run.log, run.schemas, &run.output, run.sel, o.Stdout)
	run.stream.File = file
	run.stream.Metadata(metadata)
	run.header = metadata
	if o.OutputPath != "" || !term.IsTerminal(o.Stdout) {
		run.progress = term.NewProgress(o.Stderr, run.total())
	}
	return nil
}

// metadata is that of all inputs together.
func (run *fileRun) metadata() (*dbn.Metadata, error) {
	var all []*dbn.Metadata
	for _, in := range run.inputs {
		m := in.metadata
		if m == nil { // a fragment; nobody will see this
			m = &dbn.Metadata{
				Version: dbn.TargetVersion(in.decoder.InputVersion(), run.options.Policy), Schema: dbn.SchemaNone, StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID,
				TsOut: in.decoder.TsOut(),
			}
		}
		all = append(all, m)
	}
	return dbn.MergeMetadata(all...)
}

// mixed reports whether an input may hold the symbol mappings of a live stream.
func (run *fileRun) mixed() bool {
	return slices.ContainsFunc(run.inputs, func(in *input) bool {
		return in.metadata != nil && in.metadata.Schema == dbn.SchemaNone
	})
}

// narrow notes in the metadata that not all records will be there. DBN that carries symbol
// mappings is of no one schema: readers would take them for records of it.
func (run *fileRun) narrow(m *dbn.Metadata, filtered bool) {
	if filtered && (run.output.Format != output.DBN || !run.mixed()) {
		m.Schema = dbn.SchemaNone
		if len(run.schemas) == 1 {
			m.Schema = run.schemas[0]
		}
	}
	if n := run.sel.Limit; n > 0 && (m.Limit == 0 || n < m.Limit) {
		m.Limit = n
	}
	if filtered || run.sel != (stream.Selection{}) {
		m.RecordCount = nil
	}
}

// nextHeader takes in the header of a stream that follows in the same input.
func (run *fileRun) nextHeader(in *input, m *dbn.Metadata) {
	in.metadata = m
	run.log.Debug(in.name + ": another DBN stream follows")
	if run.stream == nil {
		return
	}
	symbols := run.stream.File.Symbols()
	if symbols == nil {
		symbols = dbn.NewTsSymbolMap()
	}
	if err := symbols.Add(m); err != nil {
		run.log.Debug("no symbols from the metadata: " + err.Error())
	}
	if symbols.Len() == 0 {
		symbols = nil
	}
	run.stream.SetSymbols(symbols)
	if run.output.Format == output.DBN && !stream.HoldsMappings(run.header, run.sel.Filter.Narrow(m)) {
		run.log.Warn(in.name + ": the symbols of a stream that follows in it are not in the output, whose metadata was written before")
	}
}

// total is how many bytes there are to read; -1: not known.
func (run *fileRun) total() (total int64) {
	for _, in := range run.inputs {
		if !in.regular || in.following != nil {
			return -1
		}
		total += in.size()
	}
	return total
}

// copy brings the records to the stream until one of both ends.
func (run *fileRun) copy() error {
	next := run.inputs[0].next
	if len(run.inputs) > 1 {
		decoders := make([]*dbn.Decoder, len(run.inputs))
		for i, in := range run.inputs {
			decoders[i] = in.decoder
		}
		merger := dbn.NewMerger(decoders...)
		next = func() (dbn.Run, error) {
			r, err := merger.Next()
			return dbn.Run{First: r, Count: 1}, err
		}
	}
	s := run.stream
	if !s.Over() {
		// After the metadata: in a file that is followed this may wait for records.
		if err := run.seek(); err != nil {
			s.End(run.explain("", err))
		}
	}
	for !s.Over() {
		r, err := next()
		if err != nil {
			s.End(run.explain("", err))
			break
		}
		if run.fragment {
			run.checkTsOut(r.First)
		}
		s.Run(r)
	}
	run.progress.Clear()
	// What a broken input gave is all that it has. A signal leaves records unread.
	var signaled exit.Signal
	run.output.Cut(run.output.Whole && errors.As(s.Err(), &signaled), s.Count.Records == 0)
	return s.Finish()
}

// checkTsOut says that a fragment's records hold what was not asked for: nothing else shows
// that they carry the gateway's send time.
func (run *fileRun) checkTsOut(r dbn.Record) {
	run.fragment = false // once is enough
	d := run.inputs[0].decoder
	if size := dbn.SizeOf(r.RType(), d.InputVersion()); size > 0 && !d.TsOut() && r.Size() == size+8 {
		run.log.Warn("the records have 8 bytes more than DBN version " + strconv.Itoa(int(d.InputVersion())) +
			" gives them: if these are the gateway's send time, --ts-out prints it")
	}
}

// warnNoneWanted says why the output is empty: no record is of the schemas asked for.
func (run *fileRun) warnNoneWanted() {
	count := &run.stream.Count
	if count.Records > 0 || run.output.Metadata || !run.filtered && run.sel.Filter == nil {
		return
	}
	var held []string
	for rtype, n := range count.ByRType {
		if n > 0 && !dbn.RType(rtype).IsMessage() {
			held = append(held, stream.RTypeName(dbn.RType(rtype))+" "+term.Grouped(n))
		}
	}
	what := "no data records at all"
	if len(held) > 0 {
		what = "records of other types: " + strings.Join(held, ", ")
		if run.sel.Filter != nil {
			what = strings.Join(held, ", ")
		}
	}
	name := run.inputs[0].name
	if len(run.inputs) > 1 {
		name = fmt.Sprintf("%d files", len(run.inputs))
	}
	if run.sel.Filter != nil && (!run.filtered || run.foundAny()) {
		why := "; in " + name
		if run.sel.Filter.NeedsSymbols() && run.stream.File.Symbols() == nil && count.Symbols == 0 {
			why = ", because nothing in " + name + " names symbols;"
		}
		run.log.Warn(fmt.Sprintf("no record was selected%s there are %s", why, what))
		return
	}
	run.log.Warn(fmt.Sprintf("no record of schema %s was found; in %s there are %s", term.JoinNames(run.schemas), name, what))
}

// foundAny reports whether there were records of the schemas that were asked for.
func (run *fileRun) foundAny() bool {
	for rtype, n := range run.stream.Count.ByRType {
		if n > 0 && run.stream.File.Wanted[rtype] && !dbn.RType(rtype).IsMessage() {
			return true
		}
	}
	return false
}

// interrupted is asked before every read: it prints what is due, and gives the reason to
// end.
func (run *fileRun) interrupted() error {
	if err := run.wake.check(); err != nil {
		return err
	}
	now := time.Now()
	began := run.stream != nil && run.stream.Began()
	if run.wake.state.Swap(false) {
		run.progress.Clear()
		line := "no metadata yet"
		if began {
			line = run.stream.Count.Summary(now)
		}
		run.log.Info(run.inputs[0].name + ": " + line)
	}
	if run.options.Stats > 0 && began && now.Sub(run.ticked) >= run.options.Stats {
		run.ticked = now
		run.progress.Clear()
		run.log.Info(run.stream.Count.Tick(now))
	}
	if run.stream != nil && run.stream.Over() {
		return cmp.Or(run.stream.Err(), io.EOF)
	}
	return nil
}

// explain turns the reason that the records end into the program's own: nil for a good
// end, else an error with an exit code. An empty name stands for the input at fault.
func (run *fileRun) explain(name string, err error) error {
	if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
		return nil
	}
	if stop := run.wake.check(); stop != nil {
		return stop
	}
	var path *fs.PathError
	var merge *dbn.MergeError
	var size *dbn.MetadataSizeError
	if errors.As(err, &merge) {
		name = run.inputs[merge.Stream].name
		err = merge.Err
	} else if name == "" {
		name = run.inputs[0].name
	}
	text := name + ": " + strings.TrimPrefix(err.Error(), "dbn: ")
	if run.isEmpty(name) {
		text = name + " is empty: not even DBN metadata is in it"
	}
	code, known := exit.Lookup(err)
	switch {
	case errors.Is(err, exit.ErrReaderGone):
		return exit.ErrReaderGone
	case exit.IsOwn(err):
		return err
	case errors.As(err, &path):
		return exit.Fail(code, "cannot read %s: %w", name, path.Err)
	case errors.As(err, &size):
		text += "; raise --max-metadata if the file is really so large"
	case errors.Is(err, dbn.ErrHeaderInFragment):
		text += " (without --input-fragment)"
	case !known: // inputs that do not go together, or not with a flag
		code = exit.Usage
	}
	return exit.Fail(code, "%s", text)
}

// isEmpty reports whether not a byte came from an input.
func (run *fileRun) isEmpty(name string) bool {
	return slices.ContainsFunc(run.inputs, func(in *input) bool { return in.name == name && in.got.Load() == 0 && in.read })
}

// conclude says how it went, and gives the error to end with.
func (run *fileRun) conclude(err error) error {
	if run.stream == nil {
		return err
	}
	count := &run.stream.Count
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
		run.log.Info(exit.EndedBy(err, signaled) + ": " + count.Summary(time.Now()) + run.output.KeptPart())
		return err
	case errors.Is(err, exit.ErrReaderGone):
		return nil
	case err != nil:
		if count.Records > 0 {
			return exit.Fail(exit.FromError(err), "%w; %s came before", err, term.Plural(count.Records, "record"))
		}
		return err
	}
	run.warnNoneWanted()
	if run.options.Stats > 0 {
		run.log.Info(count.Summary(time.Now()))
	} else {
		run.log.Debug(count.Summary(time.Now()))
	}
	if run.partial {
		return exit.Fail(exit.Partial, "%s had ended inside a record before it was replaced", run.inputs[0].name)
	}
	return nil
}

// openError names what could not be opened.
func openError(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	hint := ""
	if errors.Is(err, os.ErrNotExist) {
		hint = " (symbols of a live stream need a dataset: -d)"
	}
	return exit.Fail(exit.Failure, "cannot open %s: %w%s", name, err, hint)
}
