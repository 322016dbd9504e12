package e2e

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// auditFiles compares the files of a capture, whose last one may be incomplete, with what happened.
func auditFiles(t *testing.T, market exchange.Market, dir string) *exchange.Audit {
	t.Helper()
	audit := market.Audit()
	names, err := filepath.Glob(filepath.Join(dir, "x-*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		decoder, err := dbn.NewDecoder(file)
		for err == nil {
			var r dbn.Record
			if r, err = decoder.Next(); err == nil {
				if err := audit.Add(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if decoder != nil {
			decoder.Close()
		}
		file.Close()
	}
	return audit
}

// sizeOf is the size of a capture's files.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "x-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil { // it may just have got its name
			size += info.Size()
		}
	}
	return size
}

// Writers of a capture that begins a new file again and again are killed; the next one resumes.
// The files have every record once, and their manifest verifies.
func TestTheManifestOfACaptureWhoseWritersAreKilledVerifies(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(21, 22)), 30_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	grown := &growth{t: t, path: dir, fd: fd}
	v := openVenue(t, files)
	args := []string{
		"-d", exchange.Dataset, "-s", market.Schemas(), "--all-symbols", "-y", "--rotate", "100kB",
		"--start", strconv.FormatUint(uint64(exchange.Start), 10), "--gateway", v.gateway, "--resume", "x-{part}.dbn",
	}
	random := rand.New(rand.NewPCG(23, 24))
	kills, more := 0, true
	for ; more && kills < 20; kills++ {
		p := startIn(t, dir, args...)
		for until := sizeOf(t, dir) + int64(random.IntN(150<<10)); more && sizeOf(t, dir) < until; {
			before := sizeOf(t, dir)
			for more = v.advance(2000); more && sizeOf(t, dir) == before; {
				grown.await(p) // the manifest grows as well
			}
		}
		p.signal(syscall.SIGKILL)
		if code := p.wait(); code != -1 {
			t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
		}
		more = more && v.advance(random.IntN(1000))
	}
	for v.advance(10_000) {
	}
	left := auditFiles(t, market, dir).Left
	t.Logf("%d writers were killed; %d records are left", kills, left)
	if left > 0 {
		p := startIn(t, dir, append(args, "-l", strconv.Itoa(left))...)
		if code := p.wait(); code != 0 {
			t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
		}
	}
	if err := auditFiles(t, market, dir).Complete(); err != nil {
		t.Error(err)
	}
	p := start(t, "verify", dir)
	answer, err := io.ReadAll(p.stdout)
	if code := p.wait(); code != 0 || err != nil || !strings.HasSuffix(string(answer), ": complete\n") {
		t.Errorf("exit code %d, %v: %s%s", code, err, answer, p.stderr)
	}
	if kills < 3 {
		t.Errorf("only %d writers were killed", kills)
	}
}
