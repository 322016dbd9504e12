package tail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// captured is a capture of several files in a directory, with its manifest.
type captured struct {
	dir   string
	log   *manifest.Log
	paths []string
}

// capturedFiles writes the mbo records of the sample data to three files, as a capture does.
func capturedFiles(t testing.TB) *captured {
	t.Helper()
	c := &captured{dir: t.TempDir()}
	var err error
	if c.log, err = manifest.Open(c.dir, "mbo-{part}.dbn.zst", "GLBX.MDP3"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.log.Close() }) //nolint:errcheck // of a test
	subscriptions := []manifest.Subscription{{Schema: "mbo", StypeIn: "raw_symbol", Symbols: []string{"ESZ6", "NQZ6", "CLF7", "GCG7"}}}
	if err := c.log.Begin(false, subscriptions); err != nil {
		t.Fatal(err)
	}
	m, records := samples.Records(t, dbn.SchemaMbo)
	live := *m
	live.End = dbn.UndefTimestamp
	third := len(records) / 3
	for i, part := range [][]dbn.Record{records[:third], records[third : 2*third], records[2*third:]} {
		c.add(t, fmt.Sprintf("mbo-%04d.dbn.zst", i+1), &live, part)
		c.note(t, i)
	}
	return c
}

func (c *captured) add(t testing.TB, name string, m *dbn.Metadata, records []dbn.Record) {
	t.Helper()
	var b bytes.Buffer
	e, err := dbn.NewEncoder(&b, m, dbn.WithZstd(0))
	for _, r := range records {
		err = errors.Join(err, e.Write(r))
	}
	path := filepath.Join(c.dir, name)
	if err = errors.Join(err, e.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	c.paths = append(c.paths, path)
}

// note notes a file in the manifest.
func (c *captured) note(t testing.TB, i int) {
	t.Helper()
	f := survey.Read(bytes.NewReader(readFile(t, c.paths[i])), survey.Options{Hash: true})
	if err := errors.Join(f.Fault, c.log.Finished(c.paths[i], manifest.TallyOf(f))); err != nil {
		t.Fatal(err)
	}
}

func (c *captured) overwrite(t testing.TB, i int, change func([]byte) []byte) {
	t.Helper()
	if err := os.WriteFile(c.paths[i], change(readFile(t, c.paths[i])), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsWhatHappenedToACapture(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, c *captured)
		code   int
		want   string // a line of the answer
	}{
		"nothing": {func(*testing.T, *captured) {}, exit.OK, "3 files, 5,325 records: complete\n"},
		"a file is missing": {func(t *testing.T, c *captured) {
			if err := os.Remove(c.paths[1]); err != nil {
				t.Fatal(err)
			}
		}, exit.Partial, "gap: DIR/mbo-0002.dbn.zst: is missing: it had 1,775 records from 2026-11-15T"},
		"a file is cut off": {func(t *testing.T, c *captured) {
			c.overwrite(t, 1, func(b []byte) []byte { return b[:len(b)/2] })
		}, exit.Partial, "gap: DIR/mbo-0002.dbn.zst: is cut off: it has "},
		"a byte was changed": {func(t *testing.T, c *captured) {
			c.overwrite(t, 1, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, exit.Corrupt, "corrupt: DIR/mbo-0002.dbn.zst: was changed: "},
		"bytes were appended": {func(t *testing.T, c *captured) {
			c.overwrite(t, 1, func(b []byte) []byte { return append(b, 0) })
		}, exit.Corrupt, "corrupt: DIR/mbo-0002.dbn.zst: was changed: it has "},
		"a file was replaced by another": {func(t *testing.T, c *captured) {
			c.overwrite(t, 1, func([]byte) []byte { return readFile(t, c.paths[0]) })
		}, exit.Corrupt, "corrupt: DIR/mbo-0002.dbn.zst: "},
		"a file came from elsewhere": {func(t *testing.T, c *captured) {
			m, records := samples.Records(t, dbn.SchemaMbo)
			c.add(t, "other.dbn.zst", m, records[:1])
		}, exit.Partial, "gap: DIR/other.dbn.zst: is not in the manifest, so it was not checked\n"},
		"a file is being written": {func(t *testing.T, c *captured) {
			if err := os.WriteFile(filepath.Join(c.dir, "mbo-0004.dbn.zst.part"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, exit.OK, "note: DIR/mbo-0004.dbn.zst.part: is being written, or was left by a capture that --resume continues\n"},
		"a gap remains": {func(t *testing.T, c *captured) {
			if err := c.log.Gap(manifest.Break{Schema: dbn.SchemaMbo, From: 1_795_780_800_000_000_000, To: 0}, "the gateway no longer retains them"); err != nil {
				t.Fatal(err)
			}
		}, exit.Partial, "gap: mbo-{part}.dbn.zst: records of mbo may be missing from 2026-11-27T12:00:00.000000000Z, because the gateway no longer retains them\n"},
		"a break was filled": {func(t *testing.T, c *captured) {
			if err := c.log.Filled(manifest.Break{Schema: dbn.SchemaMbo, From: 1_795_780_800_000_000_000, To: 1_795_780_801_000_000_000}, 12, 3); err != nil {
				t.Fatal(err)
			}
		}, exit.OK, "3 files, 5,325 records, 1 break filled: complete\n"},
		"files overlap": {func(t *testing.T, c *captured) {
			m, records := samples.Records(t, dbn.SchemaMbo)
			c.add(t, "mbo-0004.dbn.zst", m, records[5000:])
			c.note(t, 3)
		}, exit.Corrupt, "corrupt: DIR/mbo-0004.dbn.zst: overlaps with DIR/mbo-0003.dbn.zst: it begins at "},
		"records of a file are out of order": {func(t *testing.T, c *captured) {
			m, records := samples.Records(t, dbn.SchemaMbo)
			last := records[len(records)-1]
			late := samples.Clone(last)
			setRecv(t, late, last.IndexTs()+10)
			later := samples.Clone(last)
			setRecv(t, later, last.IndexTs()+5)
			c.add(t, "mbo-0004.dbn.zst", m, []dbn.Record{late, later})
			c.note(t, 3)
		}, exit.Corrupt, "corrupt: DIR/mbo-0004.dbn.zst: the order of its records is broken: 1 record is earlier than the one before of the same instrument\n"},
		"the capture began again": {func(t *testing.T, c *captured) {
			if err := c.log.Begin(false, nil); err != nil {
				t.Fatal(err)
			}
			m, records := samples.Records(t, dbn.SchemaMbo)
			next := samples.Clone(records[len(records)-1])
			setRecv(t, next, next.IndexTs()+dbn.UnixNanos(1e9))
			c.add(t, "mbo-0004.dbn.zst", m, []dbn.Record{next})
			c.note(t, 3)
		}, exit.Partial, "gap: DIR/mbo-0004.dbn.zst: the capture began again without --resume: records are missing from "},
		"the manifest was changed": {func(t *testing.T, c *captured) {
			path := filepath.Join(c.dir, manifest.Name)
			text := bytes.Replace(readFile(t, path), []byte(`"records":1775`), []byte(`"records":1774`), 1)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}, exit.Corrupt, "corrupt: DIR/mbo-0001.dbn.zst: has the checksum of the manifest, but the number of its records differs"},
		"the manifest is damaged": {func(t *testing.T, c *captured) {
			path := filepath.Join(c.dir, manifest.Name)
			if err := os.WriteFile(path, append([]byte("\x1b[2J\n"), readFile(t, path)...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, exit.Corrupt, "is damaged: line 1: "},
		"the manifest ends inside a line": {func(t *testing.T, c *captured) {
			path := filepath.Join(c.dir, manifest.Name)
			if err := os.WriteFile(path, append(readFile(t, path), `{"kind":`...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, exit.OK, "note: DIR/manifest.jsonl: its last line is not complete: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := capturedFiles(t)
			test.change(t, c)
			for _, path := range []string{c.dir, filepath.Join(c.dir, manifest.Name)} {
				got := runProgram(t, "verify", path)
				if text := strings.ReplaceAll(got.stdout, c.dir, "DIR"); got.code != test.code || !strings.Contains(text, test.want) {
					t.Errorf("exit code %d, want %d and %q:\n%s%s", got.code, test.code, test.want, text, got.stderr)
				}
				if strings.ContainsRune(got.stdout+got.stderr, '\x1b') {
					t.Errorf("a control character is printed: %q", got.stdout)
				}
			}
		})
	}
}

// setRecv changes the index timestamp of an mbo record.
func setRecv(t testing.TB, r dbn.Record, ts dbn.UnixNanos) {
	t.Helper()
	m, ok := dbn.As[dbn.MboMsg](r)
	if !ok {
		t.Fatal(r.RType())
	}
	m.TsRecv = ts
}

func TestVerifyChecksFilesWithoutAManifest(t *testing.T) {
	dir := t.TempDir()
	m, records := samples.Records(t, dbn.SchemaTrades)
	middle := records[len(records)/2].IndexTs()
	gap := middle + dbn.UnixNanos(20e9)
	file := func(name string, start, end dbn.UnixNanos) string {
		part := *m
		part.Start, part.End = start, end
		c := &captured{dir: dir}
		var inside []dbn.Record
		for _, r := range records {
			if at := r.IndexTs(); start <= at && at < end {
				inside = append(inside, r)
			}
		}
		c.add(t, name, &part, inside)
		return c.paths[0]
	}
	first, second := file("1.dbn.zst", m.Start, middle), file("2.dbn.zst", middle, m.End)
	late, wide := file("late.dbn.zst", gap, m.End), file("wide.dbn.zst", middle-dbn.UnixNanos(60e9), m.End)
	cut := filepath.Join(dir, "cut.dbn.zst")
	if err := os.WriteFile(cut, readFile(t, second)[:900], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		names []string
		code  int
		want  string
	}{
		{[]string{second, first}, exit.OK, "2 files, 510 records: complete\n"},
		{[]string{first, late}, exit.Partial, "late.dbn.zst: no file covers the time from " + term.Time(middle) + " to " + term.Time(gap) + " (--against-api"},
		{[]string{wide, first}, exit.Corrupt, "wide.dbn.zst: overlaps with " + first},
		{[]string{first, first}, exit.Corrupt, "overlaps with " + first},
		{[]string{cut}, exit.Partial, "gap: " + cut + ": at byte "},
		{[]string{filepath.Join(dir, "absent.dbn")}, exit.Failure, "failed: " + filepath.Join(dir, "absent.dbn") + ": cannot be read: no such file"},
		{[]string{t.TempDir()}, exit.Failure, "neither a manifest (manifest.jsonl) nor a DBN file is in it"},
		{[]string{dir}, exit.Corrupt, "5 files, "},
	} {
		got := runProgram(t, append([]string{"verify"}, test.names...)...).want(t, test.code)
		if !strings.Contains(got.stdout, test.want) {
			t.Errorf("%v: %q is not in\n%s", test.names, test.want, got.stdout)
		}
	}
	runProgram(t, "verify").want(t, exit.Usage, "verify: name a manifest, a directory or a DBN file")
	runProgram(t, "verify", "--retries", "2", first).want(t, exit.Usage, "is for --against-api")
}

func TestVerifyOfAFileLooksIntoTheManifestBesideIt(t *testing.T) {
	c := capturedFiles(t)
	runProgram(t, "verify", c.paths[0]).want(t, exit.OK)
	c.overwrite(t, 0, func([]byte) []byte { return readFile(t, c.paths[1]) })
	if got := runProgram(t, "verify", c.paths[0]).want(t, exit.Corrupt); !strings.Contains(got.stdout, "was changed") && !strings.Contains(got.stdout, "is cut off") {
		t.Error(got.stdout)
	}
}

func TestVerifyPrintsJSONForPrograms(t *testing.T) {
	c := capturedFiles(t)
	if err := os.Remove(c.paths[2]); err != nil {
		t.Fatal(err)
	}
	got := runProgram(t, "verify", "-J", "--all", c.dir).want(t, exit.Partial)
	var kinds []string
	for line := range strings.Lines(got.stdout) {
		var v struct {
			Kind     string
			Complete *bool
			Gaps     int
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds = append(kinds, v.Kind)
		if v.Complete != nil && (*v.Complete || v.Gaps != 1) {
			t.Errorf("%s", line)
		}
	}
	if want := "ok ok gap "; strings.Join(kinds, " ") != want {
		t.Errorf("%q, want %q", kinds, want)
	}
}

func TestVerifyComparesWithTheHistoricalAPI(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	dir := t.TempDir()
	path := filepath.Join(dir, "a.dbn.zst")
	h.run(t, append([]string{"hist", "-o", path}, histQuery(dbn.SchemaMbo)...)...).want(t, exit.OK)
	got := h.run(t, "verify", "--all", "--against-api", path).want(t, exit.OK)
	if !strings.Contains(got.stdout, "records of mbo from 2026-11-15T23:0") || !strings.Contains(got.stdout, "as many as the API has") {
		t.Error(got.stdout)
	}
	// A file that lost records in the middle is complete by itself.
	m, records := samples.Records(t, dbn.SchemaMbo)
	lost := &captured{dir: t.TempDir()}
	lost.add(t, "lost.dbn.zst", m, append(append([]dbn.Record(nil), records[:1000]...), records[1010:]...))
	runProgram(t, "verify", lost.paths[0]).want(t, exit.OK)
	got = h.run(t, "verify", "--against-api", lost.paths[0]).want(t, exit.Partial)
	if !strings.Contains(got.stdout, "lacks records of mbo from ") || !strings.Contains(got.stdout, ": it has 5,315, the API has 5,325\n") {
		t.Error(got.stdout)
	}
	// A time that no file covers is a gap if there is data.
	holes := &captured{dir: t.TempDir()}
	for i, span := range [][2]dbn.UnixNanos{
		{m.Start - 300e9, m.Start - 200e9}, {m.Start - 100e9, records[1000].IndexTs()}, {records[1000].IndexTs() + 1e9, m.End},
	} {
		part, inside := *m, []dbn.Record(nil)
		part.Start, part.End = span[0], span[1]
		for _, r := range records {
			if at := r.IndexTs(); span[0] <= at && at < span[1] {
				inside = append(inside, r)
			}
		}
		holes.add(t, fmt.Sprintf("%d.dbn", i), &part, inside)
	}
	runProgram(t, "verify", holes.paths[0], holes.paths[1]).want(t, exit.Partial)
	h.run(t, "verify", "--against-api", holes.paths[0], holes.paths[1]).want(t, exit.OK)
	got = h.run(t, "verify", "--against-api", holes.paths[1], holes.paths[2]).want(t, exit.Partial)
	if !strings.Contains(got.stdout, "2.dbn: no file covers the time from ") || !strings.Contains(got.stdout, ", of which the API has ") {
		t.Error(got.stdout)
	}
	twice := &captured{dir: t.TempDir()}
	twice.add(t, "twice.dbn.zst", m, append(append([]dbn.Record(nil), records...), records[len(records)-1]))
	got = h.run(t, "verify", "--against-api", twice.paths[0]).want(t, exit.Corrupt)
	if !strings.Contains(got.stdout, "has more records of mbo from ") {
		t.Error(got.stdout)
	}
}

func TestVerifyComparesACaptureWithTheHistoricalAPI(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	c := capturedFiles(t)
	got := h.run(t, "verify", "--all", "--against-api", c.dir).want(t, exit.OK)
	if !strings.Contains(got.stdout, "ok: mbo-{part}.dbn.zst: 5,325 records of mbo from ") {
		t.Error(got.stdout)
	}
	if err := os.Remove(c.paths[1]); err != nil {
		t.Fatal(err)
	}
	got = h.run(t, "verify", "--against-api", c.dir).want(t, exit.Partial)
	if !strings.Contains(got.stdout, ": it has 3,550, the API has 5,325\n") {
		t.Error(got.stdout)
	}
	unreachable := runProgram(t, "verify", "--against-api", "--hist-url", "https://127.0.0.1:1", "--retries", "0", c.dir).want(t, exit.Failure)
	if !strings.Contains(unreachable.stdout, "failed: mbo-{part}.dbn.zst: cannot ask the API for the number of mbo records: ") {
		t.Error(unreachable.stdout)
	}
}
