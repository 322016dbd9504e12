package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
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
	paid    bool // so does that of tee, and neither is ever deleted
	cut     bool // what was written is not all: the file stays a part
	empty   bool // and it is nothing at all: no file
	short   bool // a write failed: the file holds less than what came

	opened map[string]*partFile // by openFiles
	kept   []string             // parts that hold data that was paid for

	text       dbn.TextOptions // TsOut is the stream's own
	omitHeader bool
	fields     []string
	disarm     bool // cells of CSV and TSV that are formulas become text
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
		omitHeader: f.omitHeader, disarm: f.spreadsheet, system: f.system, metadata: f.metadata,
	}
	terminal := o.path == "" && term.IsTerminal(stdout)
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
		return o, exit.BadUsage("--exact is for JSON, not for %s", o.format)
	}
	if err = f.checkTee(&o); err != nil {
		return o, err
	}
	o.path, o.tee = target(o.path), target(o.tee)
	o.fields, err = f.checkFields(r, &o)
	return o, err
}

// target is the file that a path stands for: what a symbolic link points at, or would. A
// file that appears when it is complete would replace the link. Devices and pipes stay what
// they are, though they are links in /dev and /proc.
func target(path string) string {
	there, missing := os.Stat(path)
	if path == "" || missing == nil && !there.Mode().IsRegular() {
		return path
	}
	end := path
	for range 40 { // as many links as the kernel follows
		link, err := os.Readlink(end)
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			folder, _ := filepath.Split(end)
			link = folder + link
		}
		end = link
	}
	if now, err := os.Stat(end); missing == nil && (err != nil || !os.SameFile(there, now)) {
		return path
	}
	return end
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
		return 0, exit.BadUsage("give one of --table, -J, -C, -T and -D, not several")
	}
	o.asked = count == 1
	if o.path != "" {
		named, compressed, known := formatOf(o.path)
		o.zstd = o.zstd || compressed
		if asked == 0 && !known {
			return 0, exit.BadUsage("--output %s: the name gives no encoding; end it in .dbn, .json, .csv or .tsv (.zst behind it compresses), or give -D, -J, -C or -T", o.path)
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
	return false, exit.BadUsage("--color %q: want auto, always or never", f.color)
}

// check refuses what does not go together.
func (o *output) check(r *request, terminal bool) error {
	if o.metadata {
		if o.format != formatTable && o.format != formatJSON {
			return exit.BadUsage("--metadata is printed as JSON, not as %s", o.format)
		}
		return o.checkFile(o.path)
	}
	separated := o.format == formatCSV || o.format == formatTSV
	if separated && len(r.schemas) > 1 {
		return exit.BadUsage("%s holds one schema, but %s were asked for: give one with --schema, or use -J", o.format, joinNames(r.schemas))
	}
	if separated && o.system {
		return exit.BadUsage("%s holds one kind of record, so --system does not go with it: use -J", o.format)
	}
	if o.disarm && !separated {
		return exit.BadUsage("--spreadsheet is for CSV and TSV, not for %s", o.format)
	}
	if o.text.Pretty && o.format == formatDBN {
		return exit.BadUsage("--pretty is for text, not for DBN")
	}
	if (terminal || term.IsTerminalPath(o.path)) && (o.format == formatDBN || o.zstd) {
		return exit.BadUsage("binary data does not belong on a terminal: give --output FILE, or pipe it")
	}
	return o.checkFile(o.path)
}

func (f *flags) checkTee(o *output) error {
	if o.tee == "" {
		return nil
	}
	kind, compressed, known := formatOf(o.tee)
	if !known || kind != formatDBN {
		return exit.BadUsage("--tee %s: it writes DBN, so the name must end in .dbn or .dbn.zst", o.tee)
	}
	if o.path != "" && filepath.Clean(o.path) == filepath.Clean(o.tee) {
		return exit.BadUsage("--tee and --output name the same file, %s", o.tee)
	}
	o.teeZstd = compressed
	return o.checkFile(o.tee)
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
		return exit.BadUsage("%s is a directory", path)
	case err == nil && info.Mode().IsRegular() && !o.force:
		return exit.BadUsage("%s exists: give --force to overwrite it", path)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return exit.Fail(exit.Failure, "cannot write %s: %w", path, err)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return exit.Fail(exit.Failure, "cannot write %s: directory %s: %w", path, filepath.Dir(path), err)
	}
	return nil
}

// destination is an opened file or standard output.
type destination struct {
	name    string
	w       io.Writer
	file    *os.File // nil for standard output
	part    *partFile
	failure error // of the first write that failed: nothing is written after it
}

// open makes the file; "" is standard output.
func (o *output) open(path string, stdout io.Writer) (*destination, error) {
	if path == "" {
		return standardOutput(stdout), nil
	}
	part := o.takePart(path)
	if part == nil && (o.paid || o.whole && path == o.path) && term.IsRegularOrNew(path) {
		var err error
		if part, err = o.openPart(path); err != nil {
			return nil, err
		}
	}
	if part != nil {
		d := &destination{name: path, w: part.file, file: part.file, part: part}
		if o.paid {
			d.name = part.name // where it is, should it not become complete
		}
		return d, nil
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if info, err := os.Stat(path); !o.force && (err != nil || info.Mode().IsRegular()) {
		how |= os.O_EXCL
	}
	file, err := term.OpenPatiently(path, how)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "cannot write %s: %w", path, err)
	}
	return &destination{name: path, w: term.Patient(file), file: file}, nil
}

// standardOutput is a destination that names the file that it is, if it is one.
func standardOutput(stdout io.Writer) *destination {
	d := &destination{name: "standard output", w: term.Patient(stdout)}
	if fd, ok := term.Descriptor(stdout); ok {
		var stat unix.Stat_t
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG {
			d.name += " (" + path + ")"
		}
	}
	return d
}

// Write passes bytes on; a reader that has gone is exit.ErrReaderGone.
func (d *destination) Write(p []byte) (int, error) {
	if d.failure != nil {
		return 0, d.failure
	}
	n, err := d.w.Write(p)
	if err == nil {
		return n, nil
	}
	d.failure = exit.ErrReaderGone
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.ErrClosedPipe) {
		d.failure = d.failed(err)
	}
	if d.part != nil {
		d.part.output.short = true
	}
	return n, d.failure
}

// failed names the destination once: the system's error names it too.
func (d *destination) failed(err error) error {
	if exit.IsOwn(err) {
		return err
	}
	return exit.Fail(exit.Failure, "cannot write to %s: %w", d.name, causeOf(err))
}

// causeOf is the system's error without the name of the file.
func causeOf(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

func (d *destination) close() error {
	if o, ok := d.w.(*term.Outlet); ok {
		o.Close()
	}
	if d.file == nil {
		return nil
	}
	if d.part != nil {
		return d.part.end(d.failure != nil)
	}
	if err := d.file.Close(); err != nil {
		return d.failed(err)
	}
	return nil
}

// paid reports whether what is written was paid for.
func (d *destination) paid() bool { return d.part != nil && d.part.output.paid }

// discard gives up a file that no record was written to.
func (d *destination) discard() {
	switch {
	case d.part != nil:
		d.part.remove()
	case d.file != nil:
		d.file.Close() //nolint:errcheck // another error counts
	}
	d.file = nil
}

// endLine takes the begun line at the end of what was written back: a number that is cut
// off is another number.
func (d *destination) endLine(written []byte) {
	begun := len(written) - 1 - bytes.LastIndexByte(written, '\n')
	if d.part == nil || begun == 0 {
		return
	}
	if end, err := d.file.Seek(0, io.SeekCurrent); err == nil {
		d.file.Truncate(end - int64(begun)) //nolint:errcheck // the write's error counts
	}
}

// textWriter gathers lines: to be written one by one on a terminal, batch by batch into a
// pipe, in large pieces into a file.
type textWriter struct {
	dest    *destination
	zw      *zstd.Encoder
	buf     []byte
	perLine bool
	perTurn bool
	plain   func(dst, record []byte) []byte // what a terminal gets in place of a record; nil: the record
	shown   []byte
	pending bool // the compressor holds something back
	lag     lag
}

// writeSize is how much is gathered before it is written.
const writeSize = 64 << 10

func newTextWriter(dest *destination, compress bool) (*textWriter, error) {
	t := &textWriter{
		dest: dest, perLine: term.IsTerminal(dest.w), perTurn: dest.file == nil || dest.paid() && !compress, lag: newLag(),
	}
	if !compress {
		return t, nil
	}
	var err error
	t.zw, err = zstd.NewWriter(dest, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	return t, err
}

// endLine is called when a whole record is in the buffer.
func (t *textWriter) endLine() error {
	if !t.perLine && len(t.buf) < writeSize {
		return nil
	}
	if t.plain != nil {
		t.shown = t.plain(t.shown[:0], t.buf)
		t.buf, t.shown = t.shown, t.buf
	}
	return t.write()
}

// endTurn is called when no more records are at hand for the moment.
func (t *textWriter) endTurn() error {
	if !t.perTurn && !t.lag.overFor(t.dest.maxLag()) {
		return nil
	}
	if err := t.write(); err != nil || !t.pending {
		return err
	}
	t.pending = false
	return t.zw.Flush()
}

func (t *textWriter) write() error {
	if len(t.buf) == 0 {
		return nil
	}
	if t.zw != nil {
		_, err := t.zw.Write(t.buf)
		t.buf, t.pending = t.buf[:0], true
		return err
	}
	n, err := t.dest.Write(t.buf)
	if err != nil {
		t.dest.endLine(t.buf[:n])
	}
	t.buf = t.buf[:0]
	return err
}

func (t *textWriter) close() error {
	err := t.write()
	if t.zw != nil {
		err = exit.First(err, t.zw.Close())
	}
	return exit.First(err, t.dest.close())
}

// lag bounds how long a file stays behind the records that came: it can be read up to there
// even when the machine stops. (By size it is bounded too: writeSize, frameSize.)
type lag struct{ since time.Time }

const maxLag = 5 * time.Second

// maxPaidLag bounds what is lost of data that was paid for when the program is killed.
const maxPaidLag = 200 * time.Millisecond

func (d *destination) maxLag() time.Duration {
	if d.paid() {
		return maxPaidLag
	}
	return maxLag
}

func newLag() lag { return lag{time.Now()} }

// overFor reports whether it is time to write, and begins again when it is.
func (l *lag) overFor(most time.Duration) bool {
	now := time.Now()
	if now.Sub(l.since) < most {
		return false
	}
	l.since = now
	return true
}
