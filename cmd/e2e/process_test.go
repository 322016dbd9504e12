package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// process is a running dbn-tail.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	pipe   *os.File // the reading end of stdout
	stderr *watched
	ended  chan struct{}
	err    error // how it ended, once ended is closed
	early  bool  // a signal may come before it writes
}

// watched gathers what is written and reports when a pattern appears in it.
type watched struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     bytes.Buffer
	closed  bool
}

func newWatched() *watched {
	w := new(watched)
	w.changed = sync.NewCond(&w.mu)
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
	return w.buf.Write(p)
}

func (w *watched) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// await blocks until the pattern has appeared, or nothing more can.
func (w *watched) await(pattern string) bool {
	re := regexp.MustCompile(pattern)
	w.mu.Lock()
	defer w.mu.Unlock()
	for !re.Match(w.buf.Bytes()) {
		if w.closed {
			return false
		}
		w.changed.Wait()
	}
	return true
}

// patience bounds each test: a process that hangs is killed.
const patience = time.Minute

// start runs dbn-tail with its standard output in a pipe.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startOn(t, w, args...)
	w.Close()
	p.pipe, p.stdout = r, bufio.NewReader(r)
	t.Cleanup(func() { r.Close() })
	return p
}

func startOn(t *testing.T, stdout *os.File, args ...string) *process {
	t.Helper()
	return startProcess(t, stdout, t.TempDir(), args...)
}

// startIn runs dbn-tail in a directory, without its standard output.
func startIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return startProcess(t, nil, dir, args...)
}

func startProcess(t *testing.T, stdout *os.File, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, stderr: newWatched(), ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(programs, "dbn-tail"), args...)
	p.cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey, "TERM=xterm", "NO_COLOR=")
	p.cmd.Stderr = p.stderr
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	p.cmd.Dir = dir
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		p.stderr.close()
		close(p.ended)
	}()
	guard := time.AfterFunc(patience, func() { p.cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	t.Cleanup(func() {
		guard.Stop()
		p.cmd.Process.Kill() //nolint:errcheck // it has ended, when all went well
		<-p.ended
	})
	return p
}

// wait gives the exit code; -1 when a signal killed the process.
func (p *process) wait() int {
	p.t.Helper()
	<-p.ended
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		p.t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		p.t.Fatalf("reading a line: %v; stderr: %s", err, p.stderr)
	}
	return line
}

func simulator(t *testing.T, args ...string) string {
	t.Helper()
	gateway, stop, err := startSim(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return gateway
}

func TestSignalsEndWithWholeLinesAndASummary(t *testing.T) {
	gateway := simulator(t, "--loop", "forever", "--pace", "2000/s")
	for _, test := range []struct {
		signal syscall.Signal
		code   int
		word   string
	}{
		{syscall.SIGINT, 130, "interrupted"},
		{syscall.SIGTERM, 143, "terminated"},
		{syscall.SIGHUP, 129, "hangup"},
	} {
		t.Run(test.word, func(t *testing.T) {
			if signal.Ignored(test.signal) { // by nohup: programs inherit that, and keep it so
				t.Skipf("%v is ignored here", test.signal)
			}
			p := start(t, "-d", "GLBX.MDP3", "-s", "mbo", "--gateway", gateway, "-J", "--all-symbols", "-y")
			first := p.line()
			p.signal(test.signal)
			rest, err := io.ReadAll(p.stdout)
			if err != nil {
				t.Fatal(err)
			}
			if code := p.wait(); code != test.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, test.code, p.stderr)
			}
			for line := range strings.Lines(first + string(rest)) {
				if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
					t.Fatalf("an unfinished line: %q", line)
				}
			}
			want := regexp.MustCompile(`^dbn-tail: ` + test.word + `: [\d,]+ records?, .*\n$`)
			if !want.MatchString(p.stderr.String()) {
				t.Errorf("stderr: %q", p.stderr)
			}
		})
	}
}

func TestASignalCompletesTheFiles(t *testing.T) {
	gateway := simulator(t, "--loop", "forever", "--pace", "2000/s")
	p := start(t, "-d", "GLBX.MDP3", "-s", "mbo", "--gateway", gateway, "-J", "--tee", "all.dbn.zst", "--all-symbols", "-y")
	p.line()
	p.signal(syscall.SIGINT)
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 130 {
		t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
	}
	file, err := os.Open(filepath.Join(p.cmd.Dir, "all.dbn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	records := 0
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.RType() == dbn.RTypeMbo {
			records++
		}
	}
	if want := 1 + bytes.Count(rest, []byte("\n")); records != want {
		t.Errorf("%d records in the file, %d lines on standard output", records, want)
	}
}

func TestSIGUSR1PrintsTheStateAndGoesOn(t *testing.T) {
	gateway := simulator(t, "--heartbeat", "5s")
	p := start(t, "-d", "GLBX.MDP3", "-s", "status", "--gateway", gateway, "ESZ6")
	p.line()
	p.line()
	p.signal(syscall.SIGUSR1)
	if !p.stderr.await(`dbn-tail: streaming GLBX\.MDP3, session 1: 2 records, \S+ k?B, \d+\.\d s, 1 symbol, last 2026-11-15T23:00:00\.000000000Z; .*\n`) {
		t.Fatalf("stderr: %s", p.stderr)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 {
		t.Errorf("exit code %d", code)
	}
}

func TestMetricsOfALiveSession(t *testing.T) {
	gateway := simulator(t, "--heartbeat", "5s")
	p := start(t, "-d", "GLBX.MDP3", "-s", "status", "--gateway", gateway, "--metrics-addr", "127.0.0.1:0", "ESZ6")
	p.line()
	p.line()
	const address = `metrics at (http://127\.0\.0\.1:\d+/metrics)\n`
	if !p.stderr.await(address) {
		t.Fatalf("stderr: %s", p.stderr)
	}
	url := regexp.MustCompile(address).FindStringSubmatch(p.stderr.String())[1]
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ndbnloop_streaming 1\n", "\ndbnloop_records_total{rtype=\"status\"} 2\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 {
		t.Errorf("exit code %d; stderr: %s", code, p.stderr)
	}
}

func TestASecondSignalEndsAProcessThatIsStuck(t *testing.T) {
	gateway := simulator(t, "--loop", "forever")
	p := start(t, "-d", "GLBX.MDP3", "-s", "mbo", "--gateway", gateway, "-J", "--all-symbols", "-y")
	p.line() // nobody reads on: the pipe fills, the next write blocks
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 && code != 130 {
		t.Errorf("exit code %d; stderr: %s", code, p.stderr)
	}
}

// narrowPipe holds less than a turn of records, so that its writer is stuck when nobody reads.
func narrowPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if _, err := unix.FcntlInt(r.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	return r, w
}

// firstByte waits until a byte has come.
func firstByte(t *testing.T, r io.Reader) {
	t.Helper()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestOneSignalEndsAProcessThatIsStuck(t *testing.T) {
	gateway := simulator(t, "--loop", "forever")
	live := []string{"-d", "GLBX.MDP3", "-s", "mbo", "--gateway", gateway, "--all-symbols", "-y", "--tee", "all.dbn.zst"}
	outputs := map[string]func(t *testing.T) *process{
		"a pipe": func(t *testing.T) *process {
			r, w := narrowPipe(t)
			defer w.Close()
			p := startOn(t, w, append(live, "-J")...)
			firstByte(t, r)
			return p
		},
		"a pipe that gets compressed DBN": func(t *testing.T) *process {
			r, w := narrowPipe(t)
			defer w.Close()
			p := startOn(t, w, append(live, "-D", "-z")...)
			firstByte(t, r)
			return p
		},
		"a socket": func(t *testing.T) *process {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			r, w := os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
			t.Cleanup(func() { r.Close() })
			defer w.Close()
			if err := unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
				t.Fatal(err)
			}
			p := startOn(t, w, append(live, "-J")...)
			firstByte(t, r)
			return p
		},
		"a terminal": func(t *testing.T) *process {
			_, terminal := openTerminal(t, 80)
			defer terminal.Close()
			if err := unix.IoctlSetInt(int(terminal.Fd()), unix.TCXONC, unix.TCOOFF); err != nil { // as Ctrl-S does
				t.Fatal(err)
			}
			p := startOn(t, terminal, append(live, "-v")...)
			p.stderr.await("stream: live")
			p.early = true
			return p
		},
		"a named pipe that nobody opens": func(t *testing.T) *process {
			path := filepath.Join(t.TempDir(), "x.csv")
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, append(live, "-v", "-o", path)...)
			p.stderr.await("session: streaming")
			p.early = true
			return p
		},
	}
	for name, begin := range outputs {
		t.Run(name, func(t *testing.T) {
			p := begin(t)
			p.signal(syscall.SIGTERM)
			if code := p.wait(); code != 143 {
				t.Errorf("exit code %d, want 143; stderr: %s", code, p.stderr)
			}
			if _, err := os.Stat(filepath.Join(p.cmd.Dir, "all.dbn.zst")); err != nil {
				if !p.early {
					t.Error(err)
				}
				return // it had not begun
			}
			text, err := exec.Command("zstd", "-tq", filepath.Join(p.cmd.Dir, "all.dbn.zst")).CombinedOutput()
			if err != nil {
				t.Errorf("the file is not complete: %v: %s", err, text)
			}
		})
	}
	t.Run("standard error in the same pipe", func(t *testing.T) {
		r, w := narrowPipe(t)
		cmd := exec.Command(filepath.Join(programs, "dbn-tail"), append(live, "-J")...)
		cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
		cmd.Stdout, cmd.Stderr, cmd.Dir = w, w, t.TempDir()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		guard := time.AfterFunc(patience, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
		defer guard.Stop()
		firstByte(t, r)
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() //nolint:errcheck // the exit code tells
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("exit code %d, want 130", code)
		}
	})
}

func TestABrokenPipeEndsQuietly(t *testing.T) {
	tests := []struct {
		name string
		sim  []string
		args []string
	}{
		{"while records come", []string{"--loop", "forever"}, []string{"-s", "mbo", "-J"}},
		{"while nothing comes", nil, []string{"-s", "status", "-J"}},
		{"as a table", nil, []string{"-s", "status", "--table"}},
		{"as CSV", []string{"--loop", "forever"}, []string{"-s", "mbo", "-C"}},
		{"as DBN", []string{"--loop", "forever"}, []string{"-s", "mbo", "-D"}},
		{"compressed", []string{"--loop", "forever"}, []string{"-s", "mbo", "-J", "-z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gateway := simulator(t, test.sim...)
			p := start(t, append(test.args, "-d", "GLBX.MDP3", "--gateway", gateway, "--all-symbols", "-y")...)
			if _, err := p.stdout.ReadByte(); err != nil {
				t.Fatalf("%v; stderr: %s", err, p.stderr)
			}
			p.pipe.Close()
			if code := p.wait(); code != 0 || p.stderr.String() != "" {
				t.Errorf("exit code %d, stderr: %q", code, p.stderr)
			}
		})
	}
}
