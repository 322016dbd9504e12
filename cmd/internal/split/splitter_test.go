package split

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
)

const someDay = dbn.UnixNanos(1794700800_000000000) // 2026-11-15T00:00Z

// run is a splitter that is fed by hand.
type run struct {
	t      *testing.T
	dir    string
	output *output.Output
	*Splitter
}

func newRun(t *testing.T, o Options, pattern string, settings output.Settings) *run {
	t.Helper()
	r := &run{t: t, dir: t.TempDir(), output: &output.Output{Settings: settings}}
	var err error
	if o.Pattern, err = ParsePattern(filepath.Join(r.dir, pattern)); err != nil {
		t.Fatal(err)
	}
	if err := o.By.CheckPattern(o.Pattern); err != nil {
		t.Fatal(err)
	}
	r.Splitter = New(o)
	r.now = func() time.Time { return timeOf(someDay).AddDate(0, 0, 7) }
	r.output.Many = r.Sink
	output.NewSink(r.output, []dbn.Schema{dbn.SchemaTrades}, io.Discard)
	meta := &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades, Start: someDay, End: someDay + 7*86400e9,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Symbols: []string{"S1", "S2", "S3"}, Partial: []string{"S2"},
		Mappings: []dbn.SymbolMapping{
			{RawSymbol: "S1", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261122, Symbol: "1"}}},
			{RawSymbol: "S2", Intervals: []dbn.MappingInterval{{StartDate: 20261116, EndDate: 20261118, Symbol: "2"}}},
		},
	}
	if err := r.Begin(meta); err != nil {
		t.Fatal(err)
	}
	return r
}

// trade feeds a record of instrument N, whose symbol is SN.
func (r *run) trade(instrument int, after time.Duration) error {
	r.t.Helper()
	var trade dbn.TradeMsg
	trade.Hd.Length = uint8(unsafe.Sizeof(trade) / 4)
	trade.Hd.RType = dbn.RTypeMbp0
	trade.Hd.InstrumentID = uint32(instrument)
	trade.Hd.TsEvent = someDay + dbn.UnixNanos(after)
	trade.TsRecv = trade.Hd.TsEvent
	return r.Record(dbn.Ref(&trade.Hd), fmt.Sprint("S", instrument), true)
}

func (r *run) mapping(instrument int) error {
	var m dbn.SymbolMappingMsg
	m.Hd.Length = uint8(unsafe.Sizeof(m) / 4)
	m.Hd.RType = dbn.RTypeSymbolMapping
	m.Hd.InstrumentID = uint32(instrument)
	copy(m.StypeOutSymbol[:], fmt.Sprint("S", instrument))
	return r.Message(dbn.Ref(&m.Hd), "", false)
}

// must stops at an error.
func (r *run) must(errs ...error) {
	r.t.Helper()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
}

// files are what is in the directory, each with the instruments of its records in order; a mapping
// is negative.
func (r *run) files() map[string]string {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "*"))
	r.must(err)
	files := make(map[string]string)
	for _, path := range paths {
		file, err := os.Open(path)
		r.must(err)
		decoder, err := dbn.NewDecoder(file)
		r.must(err)
		var text []string
		for {
			record, err := decoder.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			r.must(err)
			id := int(record.Header().InstrumentID)
			if record.RType().IsMessage() {
				id = -id
			}
			text = append(text, fmt.Sprint(id))
		}
		decoder.Close()
		r.must(file.Close())
		files[filepath.Base(path)] = strings.Join(text, " ")
	}
	return files
}

func (r *run) want(want map[string]string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.files()); diff != "" {
		r.t.Error(diff)
	}
}

var asDBN = output.Settings{Format: output.DBN}

func TestEachFileIsForOneThing(t *testing.T) {
	const hour = time.Hour
	for _, test := range []struct {
		by      By
		pattern string
		want    map[string]string
	}{
		{Symbol, "{symbol}.dbn", map[string]string{"S1.dbn": "1 1", "S2.dbn": "2 2"}},
		{Schema, "{schema}.dbn", map[string]string{"trades.dbn": "1 2 2 1"}},
		{Day, "{date}.dbn", map[string]string{"2026-11-15.dbn": "1 2", "2026-11-16.dbn": "2", "2026-11-17.dbn": "1"}},
		{Week, "{date}.dbn", map[string]string{"2026-11-15.dbn": "1 2 2 1"}},
		{Month, "{date}.dbn", map[string]string{"2026-11-01.dbn": "1 2 2 1"}},
	} {
		t.Run(Names[test.by-1], func(t *testing.T) {
			r := newRun(t, Options{By: test.by}, test.pattern, asDBN)
			r.must(r.trade(1, 0), r.trade(2, hour), r.trade(2, 24*hour), r.trade(1, 48*hour), r.Close())
			r.want(test.want)
		})
	}
}

// The header of a file says what it holds.
// A file may say that the symbol of an instrument is an empty text.
func TestARecordWithoutASymbolNamesNoFile(t *testing.T) {
	var trade dbn.TradeMsg
	trade.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(trade) / 4), RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: someDay}
	for _, known := range []bool{true, false} {
		r := newRun(t, Options{By: Symbol}, "{symbol}/x.csv", output.Settings{Format: output.CSV})
		if err := r.Record(dbn.Ref(&trade.Hd), "", known); err == nil || !strings.Contains(err.Error(), "no symbol is known of instrument 1") {
			t.Errorf("known: %v: %v", known, err)
		}
	}
}

func TestHeadersAreNarrowed(t *testing.T) {
	r := newRun(t, Options{By: Day}, "{date}.dbn", asDBN)
	r.must(r.trade(1, 0), r.trade(2, 24*time.Hour), r.Close())
	m := headerOf(t, filepath.Join(r.dir, "2026-11-15.dbn"))
	if m.Start != someDay || m.End != someDay+86400e9 || fmt.Sprint(m.Symbols, m.Partial) != "[S1] []" ||
		fmt.Sprint(m.Mappings) != "[{S1 [{20261115 20261116 1}]}]" {
		t.Errorf("%+v", m)
	}
	m = headerOf(t, filepath.Join(r.dir, "2026-11-16.dbn"))
	if m.Start != someDay+86400e9 || fmt.Sprint(m.Symbols, m.Partial) != "[S1 S2] [S2]" || len(m.Mappings) != 2 {
		t.Errorf("%+v", m)
	}
	r = newRun(t, Options{By: Symbol}, "{symbol}.dbn", asDBN)
	r.must(r.trade(2, 0), r.Close())
	if m := headerOf(t, filepath.Join(r.dir, "S2.dbn")); fmt.Sprint(m.Symbols, m.Partial) != "[S2] [S2]" || len(m.Mappings) != 1 {
		t.Errorf("%+v", m)
	}
}

func headerOf(t *testing.T, path string) *dbn.Metadata {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	return decoder.Metadata()
}

// Many more files than may be open, and than may gather much, in every form.
func TestFilesAreClosedAndOpenedAgain(t *testing.T) {
	for _, form := range []output.Settings{asDBN, {Format: output.DBN, Zstd: true}, {Format: output.CSV}, {Format: output.JSON, Zstd: true}} {
		t.Run(fmt.Sprint(form.Format, form.Zstd), func(t *testing.T) {
			r := newRun(t, Options{By: Symbol}, "{symbol}", form)
			r.pool.limit, r.pool.most = 3, 1<<10
			const files, rounds = 50, 30
			for round := range rounds {
				for i := range files {
					r.must(r.trade(i, time.Duration(round)))
				}
				if r.pool.open.Len() > 3 {
					t.Fatalf("%d files are open", r.pool.open.Len())
				}
				if round%10 == 5 { // as a lag does
					r.must(r.pool.flush())
				}
			}
			r.must(r.Close())
			if form.Format != output.DBN {
				r.wantLines(files, rounds, form)
				return
			}
			for name, got := range r.files() {
				if want := strings.TrimSuffix(strings.Repeat(name[1:]+" ", rounds), " "); got != want {
					t.Errorf("%s: %s", name, got)
				}
			}
		})
	}
}

// wantLines counts the lines of text files.
func (r *run) wantLines(files, lines int, form output.Settings) {
	r.t.Helper()
	paths, _ := filepath.Glob(filepath.Join(r.dir, "*"))
	if len(paths) != files {
		r.t.Fatalf("%d files, want %d", len(paths), files)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		r.must(err)
		if form.Zstd {
			data = unpacked(r.t, data)
		} else {
			row, rest, _ := bytes.Cut(data, []byte("\n"))
			if !bytes.Contains(row, []byte("ts_event")) {
				r.t.Errorf("%s has no header", path)
			}
			data = rest
		}
		if n := bytes.Count(data, []byte("\n")); n != lines {
			r.t.Errorf("%s: %d lines, want %d", path, n, lines)
		}
	}
}

func unpacked(t *testing.T, data []byte) []byte {
	t.Helper()
	in, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// When the process has no further descriptor, files of the pool give theirs.
func TestDescriptorsAreShared(t *testing.T) {
	r := newRun(t, Options{By: Symbol}, "{symbol}.dbn", asDBN)
	r.must(r.trade(0, 0))
	var old unix.Rlimit
	r.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	low := old
	file, err := os.Open(os.DevNull)
	r.must(err)
	low.Cur = uint64(file.Fd()) + 4
	r.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	failure := func() error {
		defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old) //nolint:errcheck // it was so before
		for i := range 20 {
			if err := r.trade(i, 0); err != nil {
				return err
			}
		}
		return nil
	}()
	r.must(failure, file.Close(), r.Close())
	if n := len(r.files()); n != 20 {
		t.Errorf("%d files", n)
	}
}

// Files that must not be replaced are not, and parts of other runs stay.
func TestNothingIsReplaced(t *testing.T) {
	r := newRun(t, Options{By: Symbol}, "{symbol}.dbn", asDBN)
	path := filepath.Join(r.dir, "S1.dbn")
	r.must(os.WriteFile(path+".part", []byte("another's"), 0o600), r.trade(1, 0))
	r.must(os.WriteFile(filepath.Join(r.dir, "S2.dbn"), []byte("kept"), 0o600))
	if err := r.trade(2, 0); exit.FromError(err) != exit.Usage || !strings.Contains(err.Error(), "--force") {
		t.Errorf("%v", err)
	}
	r.must(os.WriteFile(path, []byte("came meanwhile"), 0o600))
	if err := r.Close(); err == nil {
		t.Error("it replaced a file")
	}
	for name, want := range map[string]string{"S1.dbn": "came meanwhile", "S1.dbn.part": "another's", "S2.dbn": "kept"} {
		if data, err := os.ReadFile(filepath.Join(r.dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	forced := asDBN
	forced.Force = true
	r = newRun(t, Options{By: Symbol}, "{symbol}.dbn", forced)
	r.must(os.WriteFile(filepath.Join(r.dir, "S1.dbn"), []byte("old"), 0o600), r.trade(1, 0), r.Close())
	r.want(map[string]string{"S1.dbn": "1"})
}

func TestWhatIsCutStaysAPart(t *testing.T) {
	r := newRun(t, Options{By: Symbol}, "{symbol}.dbn", asDBN)
	r.must(r.trade(1, 0), r.trade(2, 0))
	r.output.Cut(true, false)
	r.must(r.Close())
	r.want(map[string]string{"S1.dbn.part": "1", "S2.dbn.part": "2"})
	r = newRun(t, Options{By: Symbol}, "{symbol}.dbn", asDBN)
	r.must(r.trade(1, 0))
	r.output.Cut(true, true)
	r.must(r.Close())
	r.want(map[string]string{})
}

// A capture's file ends at a complete record when it cannot be written on, and stays.
func TestACaptureThatCannotBeWrittenStays(t *testing.T) {
	r := newRun(t, Options{By: Rotate, MaxSize: 1 << 30}, "{part}.dbn", asDBN)
	r.must(r.trade(1, 0), r.trade(1, 1), r.pool.flush())
	m := r.outputs[0]
	written := m.size
	r.must(m.fd.Close())
	var err error
	if m.fd, err = os.Open(m.part); err != nil { // it cannot be written to
		t.Fatal(err)
	}
	r.must(r.trade(1, 2))
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "0001.dbn.part, and --resume continues it") || exit.FromError(err) != exit.Failure {
		t.Errorf("%v", err)
	}
	r.want(map[string]string{"0001.dbn.part": "1 1"})
	if info, err := os.Stat(m.part); err != nil || info.Size() != written {
		t.Errorf("%v, %v", info, err)
	}
}

func TestFilesFollowEachOther(t *testing.T) {
	const hour, minute = time.Hour, time.Minute
	r := newRun(t, Options{By: Rotate, Every: hour}, "{date}-{time}.dbn", asDBN)
	r.must(r.trade(1, 30*minute), r.trade(2, hour-1), r.trade(1, hour),
		r.trade(2, 59*minute), // late: it stays where the stream is
		r.trade(1, hour+1), r.trade(3, 5*hour+minute))
	r.must(r.trade(4, 400*24*hour)) // no time of a record of today: it ends no period
	r.must(r.trade(5, 5*hour+2*minute), r.Next(), r.Next(), r.trade(6, 4*hour), r.trade(7, 6*hour), r.Close())
	r.want(map[string]string{
		"2026-11-15-003000.dbn": "1 2", "2026-11-15-010000.dbn": "1 2 1", "2026-11-15-050000.dbn": "3 4 5",
		"2026-11-15-050001.dbn": "6", "2026-11-15-060000.dbn": "7",
	})
}

// Each file has the mappings that it needs, of a stream in which they are records.
func TestEachFileHasItsMappings(t *testing.T) {
	r := newRun(t, Options{By: Rotate, Every: time.Hour}, "{part}.dbn", asDBN)
	r.must(r.mapping(1), r.mapping(2), r.mapping(3), r.trade(1, 0), r.trade(1, 1), r.trade(2, 2),
		r.trade(2, time.Hour), r.mapping(2), r.trade(2, time.Hour), r.trade(17, time.Hour), r.Close())
	r.want(map[string]string{"0001.dbn": "-1 1 1 -2 2", "0002.dbn": "-2 2 -2 2 17"})
}

func TestAFileIsLargeEnough(t *testing.T) {
	for _, by := range []By{Size, Rotate} {
		r := newRun(t, Options{By: by, MaxSize: 8 << 10}, "{part}.dbn", asDBN)
		const records = 1000
		for i := range records {
			r.must(r.trade(1, time.Duration(i)))
		}
		r.must(r.Close())
		total := 0
		for name, text := range r.files() {
			total += len(strings.Fields(text))
			info, err := os.Stat(filepath.Join(r.dir, name))
			r.must(err)
			if info.Size() > 12<<10 || info.Size() < 8<<10 && name != fmt.Sprintf("%04d.dbn", len(r.files())) {
				t.Errorf("%s has %d bytes", name, info.Size())
			}
		}
		if total != records {
			t.Errorf("%d records", total)
		}
	}
}

// What is said of a complete file is what is in it.
func TestACompleteFileIsDescribed(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		var done []*File
		settings := output.Settings{Format: output.DBN, Zstd: compressed, Symbols: true}
		r := newRun(t, Options{By: Rotate, Every: time.Hour, Finished: func(f *File) error {
			done = append(done, f)
			return nil
		}}, "{part}.dbn", settings)
		gap := Event{Schema: dbn.SchemaTrades, From: 1, To: 2, Reason: "a reason"}
		r.Note(gap)
		r.must(r.mapping(1), r.trade(1, 7), r.trade(2, 3), r.trade(1, 5), r.pool.flush(), r.trade(1, time.Hour))
		filled := Event{Filled: true, Replayed: 3, Duplicate: 1}
		r.Note(filled)
		r.must(r.Close())
		if len(done) != 2 {
			t.Fatalf("%d files", len(done))
		}
		for _, f := range done {
			data, err := os.ReadFile(f.Path)
			r.must(err)
			if f.SHA256 != sha256.Sum256(data) || f.Bytes != int64(len(data)) {
				t.Errorf("%s: another checksum or size", f.Path)
			}
			f.Path, f.SHA256, f.Bytes = filepath.Base(f.Path), [32]byte{}, 0
		}
		want := []*File{{
			Path: "0001.dbn", First: someDay + 3, Last: someDay + 7, Records: 3, Messages: 1, Events: []Event{gap},
			Counts: map[Count]uint64{{dbn.RTypeMbp0, "S1"}: 2, {dbn.RTypeMbp0, "S2"}: 1},
		}, {
			Path: "0002.dbn", First: someDay + 3600e9, Last: someDay + 3600e9, Records: 1, Messages: 1, Events: []Event{filled},
			Counts: map[Count]uint64{{dbn.RTypeMbp0, "S1"}: 1},
		}}
		if diff := cmp.Diff(want, done); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFilesOfAPatternAreFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"es[1]-2026-11-15-100000.dbn", "es[1]-2026-11-15-110000.dbn.part", "es[1]-2026-11-14-230000.dbn",
		"es[1]-2026-11-15-1x0000.dbn", "es[1]-2026-13-15-100000.dbn", "es[1]-2026-11-15-120000.dbn.part.2", "es1-2026-11-15-100000.dbn"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := ParsePattern(filepath.Join(dir, "es[1]-{date}-{time}.dbn"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find(p)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, filepath.Base(f.File()))
	}
	want := []string{"es[1]-2026-11-14-230000.dbn", "es[1]-2026-11-15-100000.dbn", "es[1]-2026-11-15-110000.dbn.part"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
