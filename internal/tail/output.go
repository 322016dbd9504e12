package tail

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/dbn"
)

// format is how records are written.
type format int

const (
	formatTable format = iota + 1
	formatJSON
	formatCSV
	formatTSV
	formatDBN
)

// String is the format's name in messages.
func (f format) String() string {
	return [...]string{"", "table", "JSON", "CSV", "TSV", "DBN"}[f]
}

// output says where records go and in which form.
type output struct {
	format  format
	asked   bool   // by flag, not as the usual form in a pipe or by the file's name
	path    string // "": standard output
	zstd    bool
	tee     string
	teeZstd bool
	force   bool
	whole   bool // the file at path appears when it is complete
	cut     bool // what was written is not all: the whole file gets another name
	empty   bool // and it is nothing at all: no file

	text       dbn.TextOptions // TsOut is the stream's own
	omitHeader bool
	fields     []string
	system     bool
	color      bool
	metadata   bool // print the metadata and end
	fragment   bool // of records without metadata: what CSV's columns are shows with the first
}

// extensions give the encoding of a file by its name, as the official tool does.
var extensions = map[string]format{
	".dbn": formatDBN, ".csv": formatCSV, ".tsv": formatTSV, ".xls": formatTSV,
	".json": formatJSON, ".jsonl": formatJSON, ".ndjson": formatJSON,
}

// formatOf is the encoding that a file's name stands for.
func formatOf(path string) (f format, compressed, known bool) {
	name, compressed := strings.CutSuffix(strings.ToLower(filepath.Base(path)), ".zst")
	f, known = extensions[filepath.Ext(name)]
	return f, compressed, known
}

// output checks the flags that say how to write.
func (f *flags) outputSettings(r *request, stdout io.Writer, getenv func(string) string) (o output, err error) {
	o = output{
		path: f.output, zstd: f.zstd, tee: f.tee, force: f.force,
		text:       dbn.TextOptions{Pretty: f.pretty, MapSymbol: !f.noMapSymbols, Exact: f.exact},
		omitHeader: f.omitHeader, system: f.system, metadata: f.metadata,
	}
	terminal := o.path == "" && isTerminal(stdout)
	if o.format, err = f.chooseFormat(&o, terminal); err != nil {
		return o, err
	}
	if o.format == formatTSV {
		o.text.Delimiter = '\t'
	}
	if o.color, err = f.useColor(terminal, getenv); err != nil {
		return o, err
	}
	if err = o.check(r, terminal); err != nil {
		return o, err
	}
	if f.exact && o.format != formatJSON {
		return o, usage("--exact is for JSON, not for %s", o.format)
	}
	if err = f.checkTee(&o); err != nil {
		return o, err
	}
	o.fields, err = f.checkFields(r, &o)
	return o, err
}

// chooseFormat takes the form that was asked for, else the one of the file's name, else a
// table on a terminal and JSON lines in a pipe.
func (f *flags) chooseFormat(o *output, terminal bool) (format, error) {
	asked, count := format(0), 0
	for _, choice := range []struct {
		set bool
		format
	}{{f.table, formatTable}, {f.json, formatJSON}, {f.csv, formatCSV}, {f.tsv, formatTSV}, {f.dbn, formatDBN}} {
		if choice.set {
			asked = choice.format
			count++
		}
	}
	if count > 1 {
		return 0, usage("give one of --table, -J, -C, -T and -D, not several")
	}
	o.asked = count == 1
	if o.path != "" {
		named, compressed, known := formatOf(o.path)
		o.zstd = o.zstd || compressed
		if asked == 0 && !known {
			return 0, usage("--output %s: the name gives no encoding; end it in .dbn, .json, .csv or .tsv (.zst behind it compresses), or give -D, -J, -C or -T", o.path)
		}
		if asked == 0 {
			asked = named
		}
	}
	switch {
	case asked != 0:
		return asked, nil
	case terminal || f.demo:
		return formatTable, nil
	}
	return formatJSON, nil
}

func (f *flags) useColor(terminal bool, getenv func(string) string) (bool, error) {
	switch f.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb", nil
	}
	return false, usage("--color %q: want auto, always or never", f.color)
}

// check refuses what does not go together.
func (o *output) check(r *request, terminal bool) error {
	if o.metadata {
		if o.format != formatTable && o.format != formatJSON {
			return usage("--metadata is printed as JSON, not as %s", o.format)
		}
		return o.checkFile(o.path)
	}
	separated := o.format == formatCSV || o.format == formatTSV
	if separated && len(r.schemas) > 1 {
		return usage("%s holds one schema, but %s were asked for: give one with --schema, or use -J", o.format, joinNames(r.schemas))
	}
	if separated && o.system {
		return usage("%s holds one kind of record, so --system does not go with it: use -J", o.format)
	}
	if o.text.Pretty && o.format == formatDBN {
		return usage("--pretty is for text, not for DBN")
	}
	if terminal && (o.format == formatDBN || o.zstd) {
		return usage("binary data does not belong on a terminal: give --output FILE, or pipe it")
	}
	return o.checkFile(o.path)
}

func (f *flags) checkTee(o *output) error {
	if o.tee == "" {
		return nil
	}
	kind, compressed, known := formatOf(o.tee)
	if !known || kind != formatDBN {
		return usage("--tee %s: it writes DBN, so the name must end in .dbn or .dbn.zst", o.tee)
	}
	if o.path != "" && filepath.Clean(o.path) == filepath.Clean(o.tee) {
		return usage("--tee and --output name the same file, %s", o.tee)
	}
	o.teeZstd = compressed
	return o.checkFile(o.tee)
}

// isRegularOrNew reports whether a path can be that of a file on a disk.
func isRegularOrNew(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

// checkFile finds out before anything begins whether the file can be written. The file
// itself is made when there is something to write.
func (o *output) checkFile(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a directory", path)
	case err == nil && info.Mode().IsRegular() && !o.force:
		return usage("%s exists: give --force to overwrite it", path)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fail(ExitFailure, "cannot write %s: %w", path, err)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return fail(ExitFailure, "cannot write %s: directory %s: %w", path, filepath.Dir(path), err)
	}
	return nil
}

// errReaderGone says that nobody reads the output any more: a quiet end.
var errReaderGone = errors.New("the reader of the output has gone")

// destination is an opened file or standard output.
type destination struct {
	name   string
	w      io.Writer
	file   *os.File // nil for standard output
	whole  *wholeFile
	broken bool // a write failed
}

// open makes the file; "" is standard output.
func (o *output) open(path string, stdout io.Writer) (*destination, error) {
	if path == "" {
		return &destination{name: "standard output", w: stdout}, nil
	}
	if o.whole && path == o.path && isRegularOrNew(path) {
		return o.openWhole()
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if info, err := os.Stat(path); !o.force && (err != nil || info.Mode().IsRegular()) {
		how |= os.O_EXCL
	}
	file, err := os.OpenFile(path, how, 0o644)
	if err != nil {
		return nil, fail(ExitFailure, "cannot write %s: %w", path, err)
	}
	return &destination{name: path, w: file, file: file}, nil
}

// Write passes bytes on; a reader that has gone is errReaderGone.
func (d *destination) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		return n, nil
	}
	d.broken = true
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return n, errReaderGone
	}
	return n, d.failed(err)
}

// failed names the destination once: the system's error names it too.
func (d *destination) failed(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fail(ExitFailure, "cannot write to %s: %w", d.name, err)
}

func (d *destination) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	switch {
	case d.whole == nil:
	case err != nil || d.broken:
		d.whole.remove()
	default:
		err = d.whole.publish()
	}
	if err != nil {
		return d.failed(err)
	}
	return nil
}

// discard gives up what was written so far.
func (d *destination) discard() {
	if d.file == nil {
		return
	}
	d.broken = true
	d.close() //nolint:errcheck // another error counts
}

// textWriter gathers lines: to be written one by one on a terminal, batch by batch into a
// pipe, in large pieces into a file.
type textWriter struct {
	dest    *destination
	zw      *zstd.Encoder
	buf     []byte
	perLine bool
	perTurn bool
	lag     lag
}

// writeSize is how much is gathered before it is written.
const writeSize = 64 << 10

func newTextWriter(dest *destination, compress bool) (*textWriter, error) {
	t := &textWriter{dest: dest, perLine: isTerminal(dest.w), perTurn: dest.file == nil, lag: newLag()}
	if !compress {
		return t, nil
	}
	var err error
	t.zw, err = zstd.NewWriter(dest, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	return t, err
}

// endLine is called when a whole record is in the buffer.
func (t *textWriter) endLine() error {
	if t.perLine || len(t.buf) >= writeSize {
		return t.write()
	}
	return nil
}

// endTurn is called when no more records are at hand for the moment.
func (t *textWriter) endTurn() error {
	if len(t.buf) == 0 || !t.perTurn && !t.lag.over() {
		return nil
	}
	if err := t.write(); err != nil || t.zw == nil {
		return err
	}
	return t.zw.Flush()
}

func (t *textWriter) write() error {
	if len(t.buf) == 0 {
		return nil
	}
	var w io.Writer = t.dest
	if t.zw != nil {
		w = t.zw
	}
	_, err := w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *textWriter) close() error {
	err := t.write()
	if t.zw != nil {
		err = errors.Join(err, t.zw.Close())
	}
	return errors.Join(err, t.dest.close())
}

// lag bounds how long a file stays behind the records that came: it can be read up to there
// even when the machine stops. (By size it is bounded too: writeSize, frameSize.)
type lag struct{ since time.Time }

const maxLag = 5 * time.Second

func newLag() lag { return lag{time.Now()} }

// over reports whether it is time to write, and begins anew when it is.
func (l *lag) over() bool {
	now := time.Now()
	if now.Sub(l.since) < maxLag {
		return false
	}
	l.since = now
	return true
}
