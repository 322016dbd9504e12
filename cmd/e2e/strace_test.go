package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/sim"
)

// What strace says of the library: it starts no thread, waits nowhere but in epoll_wait and
// looks up no name with the C library, whose functions block.

// call is one system call, and where it was made, innermost function first.
type call struct {
	pid, name, line string
	stack           []string
}

// made reports whether a function whose name begins so is on the stack.
func (c *call) made(by string) bool {
	return slices.ContainsFunc(c.stack, func(frame string) bool { return strings.Contains(frame, "("+by) })
}

var (
	starts  = []string{"clone", "clone3", "fork", "vfork"}
	waits   = []string{"poll", "ppoll", "select", "pselect6", "nanosleep", "clock_nanosleep"}
	tracing = slices.Concat(starts, waits, []string{"epoll_wait", "epoll_pwait", "socket", "openat", "futex", "sigaltstack"})

	lineOfCall  = regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed)`)
	lineOfStack = regexp.MustCompile(`^ > (.*)`)
	newThread   = regexp.MustCompile(`= (\d+)$`)
)

// trace runs a program under strace until it ends.
func trace(t *testing.T, env []string, args ...string) (calls []*call) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	strace := []string{"-f", "-k", "-qq", "-e", "signal=none", "-e", "trace=?" + strings.Join(tracing, ",?"), "-o", out}
	probe := exec.Command("strace", append(strace, "true")...)
	if text, err := probe.CombinedOutput(); err != nil {
		t.Skipf("strace is missing, cannot show stacks (-k), or may not trace here: %v %s", err, text)
	}
	cmd := exec.CommandContext(t.Context(), "strace", append(strace, args...)...)
	cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	cmd.Env = append(cmd.Env, env...)
	guard := time.AfterFunc(patience, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	defer guard.Stop()
	// strace may fail at the program's very end, when it inspects one that is gone.
	text, err := cmd.CombinedOutput()
	t.Logf("%s: %v, %d bytes of output", filepath.Base(args[0]), err, len(text))
	lines, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		line = strings.TrimSpace(line)
		if m := lineOfStack.FindStringSubmatch(" " + line); m != nil && len(calls) > 0 {
			last := calls[len(calls)-1]
			last.stack = append(last.stack, m[1])
		} else if m := lineOfCall.FindStringSubmatch(line); m != nil {
			calls = append(calls, &call{pid: m[1], name: m[2], line: line})
		}
	}
	return calls
}

// compile builds a C++ program with the library that Go links.
func compile(t *testing.T, source string) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".cpp"))
	cmd := exec.Command("c++", "-std=c++23", "-I", filepath.Join(root, "cpp", "include"), filepath.Join(root, source),
		"-o", program, "-L", filepath.Join(root, "build", "release"), "-L/usr/local/lib",
		"-ldbnloop", "-lssl", "-lcrypto", "-lzstd", "-lcares")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return program
}

func TestACppProgramHasOneThreadAndWaitsInEpoll(t *testing.T) {
	work := t.TempDir()
	gateway, stop, err := startSim(work, "--close-at-end", "--hist-port", "0", "--hist-port-file", "port", "--ca-out", "ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	hist, err := histURL(work)
	if err != nil {
		t.Fatal(err)
	}
	// By name, so that there is something to look up.
	byName := strings.NewReplacer("127.0.0.1", "localhost")
	host, port, err := net.SplitHostPort(byName.Replace(gateway))
	if err != nil {
		t.Fatal(err)
	}
	for source, args := range map[string][]string{
		"examples/cpp/overload.cpp": {host, port},
		"test/consumer/cmake/range.cpp": {
			byName.Replace(hist), filepath.Join(work, "ca.pem"), "GLBX.MDP3", "mbo", "ESZ6",
			"1794700800000000000", "1794787200000000000",
		},
	} {
		t.Run(filepath.Base(source), func(t *testing.T) {
			calls := trace(t, []string{"no_proxy=localhost"}, append([]string{compile(t, source)}, args...)...)
			seen := map[string]bool{}
			for _, c := range calls {
				seen[c.name] = true
				switch {
				case slices.Contains(starts, c.name), slices.Contains(waits, c.name):
					t.Fatal(c.line)
				case c.name == "socket" && strings.Contains(c.line, "SOCK_STREAM") && !strings.Contains(c.line, "SOCK_NONBLOCK"):
					t.Errorf("a socket that blocks: %s", c.line)
				case c.name == "openat" && (strings.Contains(c.line, "nsswitch") || strings.Contains(c.line, "libnss")):
					t.Errorf("a lookup of the C library: %s", c.line)
				case c.name == "openat" && strings.Contains(c.line, "/etc/hosts"):
					seen["hosts"] = true
				}
			}
			for _, name := range []string{"epoll_wait", "socket", "hosts"} {
				if !seen[name] {
					t.Errorf("no %s: the program did not do what it should", name)
				}
			}
		})
	}
}

// Go starts threads as it likes: each of them must be one of its scheduler's, which one that
// the library started would not be.
func TestDbnTailHasGosThreadsOnlyAndTheLibraryWaitsInEpoll(t *testing.T) {
	calls := trace(t, nil, filepath.Join(programs, "dbn-tail"), "--demo", "-l", "20", "-q")
	started, goes := map[string]bool{}, map[string]bool{} // threads; those that Go's scheduler runs on
	polls := 0
	for _, c := range calls {
		if m := newThread.FindStringSubmatch(c.line); m != nil && slices.Contains(starts, c.name) {
			started[m[1]] = true
		}
		if c.made("runtime.mstart") {
			goes[c.pid] = true
		}
		if c.made("dbnloop::") {
			if slices.Contains(starts, c.name) || slices.Contains(waits, c.name) {
				t.Errorf("the library: %s", c.line)
			}
			if c.name == "epoll_wait" {
				polls++
			}
		}
	}
	if polls == 0 || len(started) == 0 {
		t.Fatalf("%d waits of the library, %d threads: the trace shows too little", polls, len(started))
	}
	for _, c := range calls {
		// One that the program's end overtook has done nothing.
		if started[c.pid] && !goes[c.pid] {
			t.Fatalf("thread %s is not Go's: %s", c.pid, c.line)
		}
	}
	t.Logf("%d threads, all Go's; %d waits in the library's epoll_wait", len(started), polls)
}
