package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

// captured are the files of a capture, in their order.
func captured(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.dbn*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// auditFiles compares the files of a capture, of which the last one may be incomplete, with what
// happened.
func auditFiles(t *testing.T, market exchange.Market, dir string) *exchange.Audit {
	t.Helper()
	audit := market.Audit()
	for _, path := range captured(t, dir) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		decoder, err := dbn.NewDecoder(file)
		if err != nil {
			file.Close()
			continue // nothing was written yet
		}
		for {
			r, err := decoder.Next()
			if err != nil {
				break
			}
			if err := audit.Add(r); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		decoder.Close()
		file.Close()
	}
	return audit
}

// wantVerified checks a capture against its manifest.
func wantVerified(t *testing.T, dir string) {
	t.Helper()
	p := start(t, "verify", dir)
	answer, err := io.ReadAll(p.stdout)
	if code := p.wait(); code != 0 || err != nil || !strings.HasSuffix(string(answer), ": complete\n") {
		t.Errorf("exit code %d, %v: %s%s", code, err, answer, p.stderr)
	}
}

// sizeOf is the size of the files of a capture that may be in progress.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	for _, path := range captured(t, dir) {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return sizeOf(t, dir) // the writer has completed a file, which gives it another name
		}
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// Writers are killed while they write one of many files, while they begin one or complete one. All
// files together have every record once.
func TestARotatingCaptureWhoseWritersAreKilledIsComplete(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(21, 22)), 30_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, pattern := range []string{"x-{date}-{time}.dbn", "x-{part}.dbn.zst"} {
		growth := 160 << 10 >> (3 * i) // compressed records are smaller
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			random := rand.New(rand.NewPCG(23, uint64(i)))
			dir := t.TempDir()
			v := openVenue(t, files)
			args := []string{
				"-d", exchange.Dataset, "-s", market.Schemas(), "--all-symbols", "-y",
				"--start", strconv.FormatUint(uint64(exchange.Start), 10), "--gateway", v.gateway,
				"--rotate", fmt.Sprintf("1h,%dKiB", 200>>(2*i)), "--resume", pattern,
			}
			const most = 25
			kills, more := 0, true
			for ; more && kills < most; kills++ {
				g := watchGrowth(t, dir)
				p := startIn(t, dir, args...)
				for until := sizeOf(t, dir) + int64(random.IntN(growth)) - int64(growth/32); more && sizeOf(t, dir) < until; {
					before := sizeOf(t, dir)
					for more = v.advance(2000); more && sizeOf(t, dir) == before; {
						g.await(p) // the manifest grows as well
					}
				}
				p.signal(syscall.SIGKILL)
				if code := p.wait(); code != -1 {
					t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
				}
				more = more && v.advance(random.IntN(2000))
			}
			for v.advance(10_000) {
			}
			audit := auditFiles(t, market, dir)
			t.Logf("%d writers were killed; %d records came, %d are left, in %d files", kills, audit.Records, audit.Left, len(captured(t, dir)))
			if audit.Left > 0 {
				p := startIn(t, dir, append(args, "-l", strconv.Itoa(audit.Left))...)
				if code := p.wait(); code != 0 {
					t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
				}
				audit = auditFiles(t, market, dir)
			}
			if err := audit.Complete(); err != nil {
				t.Error(err)
			}
			wantVerified(t, dir)
			if kills < 3 || len(captured(t, dir)) < 3 {
				t.Errorf("only %d writers were killed, and %d files written", kills, len(captured(t, dir)))
			}
		})
	}
}

// SIGHUP completes the file that is open, and the next record begins another one.
func TestAHangupBeginsTheNextFile(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(31, 32)), 20_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	v := openVenue(t, files)
	g := watchGrowth(t, dir)
	p := startIn(t, dir, "-d", exchange.Dataset, "-s", market.Schemas(), "--all-symbols", "-y",
		"--start", strconv.FormatUint(uint64(exchange.Start), 10), "--gateway", v.gateway,
		"--rotate", "1d", "-O", "x-{part}.dbn", "-l", strconv.Itoa(market.Audit().Left), "-v")
	for signals := range 2 {
		before := sizeOf(t, dir)
		for v.advance(4000); sizeOf(t, dir) == before; {
			g.await(p) // the manifest grows as well
		}
		p.signal(syscall.SIGHUP)
		if !p.stderr.await(`(?s)(completed the file.*){` + strconv.Itoa(signals+1) + `}`) {
			t.Fatalf("stderr: %s", p.stderr)
		}
	}
	for v.advance(10_000) {
	}
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
	}
	if err := auditFiles(t, market, dir).Complete(); err != nil {
		t.Error(err)
	}
	wantVerified(t, dir)
	paths := captured(t, dir)
	if len(paths) != 3 || slices.ContainsFunc(paths, func(path string) bool { return strings.HasSuffix(path, ".part") }) {
		t.Errorf("files: %v", paths)
	}
}

// A capture whose disk is full keeps what was written, says so, and continues elsewhere.
func TestACaptureContinuesAfterItsDiskWasFull(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(41, 42)), 10_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v := openVenue(t, files)
	for v.advance(10_000) {
	}
	for _, disk := range smallDisks {
		for _, into := range []string{"-o x.dbn", "-o x.dbn.zst", "--rotate 1d,64KiB -O x-{part}.dbn", "--rotate 1d,32KiB -O x-{part}.dbn.zst"} {
			rotates := strings.HasPrefix(into, "--rotate")
			if rotates && !disk.namespace {
				continue // a limit for one file is not one for many
			}
			t.Run(disk.name+" "+strings.NewReplacer("{", "", "}", "").Replace(into), func(t *testing.T) {
				if disk.namespace && !mountable() {
					t.Skip("no file system can be mounted here")
				}
				args := []string{
					"-d", exchange.Dataset, "-s", market.Schemas(), "--all-symbols", "-y",
					"--start", strconv.FormatUint(uint64(exchange.Start), 10), "--gateway", v.gateway,
				}
				flags := strings.Fields(into)
				dir, code, stderr := onSmallDisk(t, disk.before, disk.namespace, append(slices.Clone(args), flags...)...)
				if code != 1 || !strings.Contains(stderr, disk.reason) || !strings.Contains(stderr, "--resume") ||
					!strings.Contains(stderr, "kept") || strings.Count(stderr, "\n") != 1 {
					t.Fatalf("exit code %d; stderr: %s", code, stderr)
				}
				audit := auditFiles(t, market, dir)
				if audit.Records == 0 || audit.Left == 0 {
					t.Fatalf("%d records, %d are left", audit.Records, audit.Left)
				}
				args = append(args, "-l", strconv.Itoa(audit.Left), "--resume", flags[len(flags)-1])
				if rotates {
					args = append(args, flags[:2]...)
				}
				p := startIn(t, dir, args...)
				if code := p.wait(); code != 0 {
					t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
				}
				if err := auditFiles(t, market, dir).Complete(); err != nil {
					t.Error(err)
				}
				if rotates {
					wantVerified(t, dir)
				}
			})
		}
	}
}

// Thousands of files are made of one, and one of them, by a process that may open 256.
func TestThousandsOfFilesAreSplitAndMerged(t *testing.T) {
	dir := t.TempDir()
	const files, each = 5000, 2
	var in bytes.Buffer
	meta := &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaOhlcv1S, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
	for i := range files {
		meta.Mappings = append(meta.Mappings, dbn.SymbolMapping{
			RawSymbol: fmt.Sprintf("S%04d", i),
			Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: strconv.Itoa(i)}},
		})
	}
	encoder, err := dbn.NewEncoder(&in, meta)
	if err != nil {
		t.Fatal(err)
	}
	for n := range files * each {
		bar := dbn.OhlcvMsg{Hd: dbn.RecordHeader{
			Length: 14, RType: dbn.RTypeOhlcv1S, InstrumentID: uint32(n % files),
			TsEvent: 1794700800_000000000 + dbn.UnixNanos(n),
		}, Volume: uint64(n)}
		if err := encoder.Write(dbn.Ref(&bar.Hd)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "in.dbn"), in.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `ulimit -n 256; mkdir out && dbn-tail in.dbn -S symbol -O 'out/{symbol}.dbn' && dbn-tail out/*.dbn -C -o merged.csv && dbn-tail in.dbn -C -o in.csv`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "DATABENTO_API_KEY="+sim.TestKey)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "out", "*.dbn")); len(names) != files {
		t.Errorf("%d files", len(names))
	}
	if !bytes.Equal(content(t, filepath.Join(dir, "merged.csv")), content(t, filepath.Join(dir, "in.csv"))) {
		t.Error("the files together are not what they were made of")
	}
}
