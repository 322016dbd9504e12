package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// venue is a simulator whose market moves when it is asked to.
type venue struct {
	t       *testing.T
	gateway string
	in      io.Writer
	out     *bufio.Scanner
}

func openVenue(t *testing.T, files []string) *venue {
	t.Helper()
	args := []string{"--control", "--shared-market", "--retention", "-1s", "-q"}
	cmd := exec.Command(filepath.Join(programs, "dbn-sim"), append(args, files...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()         //nolint:errcheck // its end is the program's
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
	})
	v := &venue{t: t, in: in, out: bufio.NewScanner(out)}
	v.gateway = strings.TrimPrefix(v.answer(), "listening on ")
	return v
}

func (v *venue) answer() string {
	v.t.Helper()
	if !v.out.Scan() {
		v.t.Fatalf("the simulator has ended: %v", v.out.Err())
	}
	return v.out.Text()
}

// advance lets at most n records happen, and reports whether there are more.
func (v *venue) advance(n int) (more bool) {
	v.t.Helper()
	if _, err := fmt.Fprintln(v.in, "advance", n); err != nil {
		v.t.Fatal(err)
	}
	answer := v.answer()
	happened, err := strconv.Atoi(strings.TrimPrefix(answer, "ok "))
	if err != nil {
		v.t.Fatalf("the simulator answered %q", answer)
	}
	return happened == n
}

// growth reports when a file is written to.
type growth struct {
	t    *testing.T
	path string
	fd   int
}

func watchGrowth(t *testing.T, path string) *growth {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	return &growth{t, path, fd}
}

func (g *growth) size() int64 {
	g.t.Helper()
	info, err := os.Stat(g.path)
	if err != nil {
		g.t.Fatal(err)
	}
	return info.Size()
}

// await blocks until the file was written to, once more than before.
func (g *growth) await(p *process) {
	g.t.Helper()
	poll := []unix.PollFd{{Fd: int32(g.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, int(patience/time.Millisecond))
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(poll, int(patience/time.Millisecond))
	}
	if n != 1 || err != nil {
		g.t.Fatalf("the file does not grow: %v; stderr: %s", err, p.stderr)
	}
	if _, err := unix.Read(g.fd, make([]byte, 4096)); err != nil {
		g.t.Fatal(err)
	}
}

// auditFile compares a file, whose end may be incomplete, with what happened.
func auditFile(t *testing.T, market exchange.Market, path string) *exchange.Audit {
	t.Helper()
	audit := market.Audit()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return audit // nothing was written yet
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			return audit
		}
		if err := audit.Add(r); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer is killed when its file has grown by some bytes, or before it wrote any, and the next
// one resumes. Meanwhile the market continues. The file has every record once.
func TestACaptureWhoseWritersAreKilledIsComplete(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(11, 12)), 60_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"x.dbn", "x.dbn.zst"} {
		growth := 256 << 10 >> (3 * i) // compressed records are smaller
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(13, uint64(i)))
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			v := openVenue(t, files)
			args := []string{
				"-d", exchange.Dataset, "-s", market.Schemas(), "--all-symbols", "-y",
				"--start", strconv.FormatUint(uint64(exchange.Start), 10), "--gateway", v.gateway, "--resume", name,
			}
			const most = 40
			kills, more := 0, true
			for ; more && kills < most; kills++ {
				g := watchGrowth(t, path)
				p := startIn(t, dir, args...)
				for until := g.size() + int64(random.IntN(growth)) - int64(growth/32); more && g.size() < until; {
					// What is written in one piece is 64 KiB, before it is compressed.
					if more = v.advance(4000); more {
						g.await(p)
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
			audit := auditFile(t, market, path)
			t.Logf("%d writers were killed; %d records came, %d are left", kills, audit.Records, audit.Left)
			if audit.Left > 0 {
				p := startIn(t, dir, append(args, "-l", strconv.Itoa(audit.Left))...)
				if code := p.wait(); code != 0 {
					t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
				}
				audit = auditFile(t, market, path)
			}
			if err := audit.Complete(); err != nil {
				t.Error(err)
			}
			if kills < 3 {
				t.Errorf("only %d writers were killed", kills)
			}
		})
	}
}
