// Package e2e runs the real dbn-tail against the real dbn-sim. The scripts are in
// testdata/script.
package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dbnloop/dbnloop/internal/race"
	"github.com/dbnloop/dbnloop/sim"
)

// programs is the directory of the programs under test.
var programs string

func TestMain(m *testing.M) {
	// A program with the race detector sleeps for a second at its end, unless told not to.
	os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "dbnloop-e2e-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	if err = build(programs, "./cmd/dbn-tail", asTested()); err == nil {
		err = build(programs, "./cmd/dbn-sim", asShipped)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// asShipped is the command that builds a program from what `make build` has compiled.
var asShipped = []string{"scripts/go-shipped.sh", "build"}

// asTested is the command that builds a program with the race detector where the tests have it.
func asTested() []string {
	if race.Enabled {
		return []string{"scripts/go-race.sh", "build"}
	}
	return asShipped
}

// build runs a command that builds a program into a directory. The scripts make a changed C++
// library a changed build.
func build(dir, program string, command []string, flags ...string) error {
	args := slices.Concat(command[1:], flags, []string{"-ldflags=-w", "-o", dir + "/", program})
	cmd := exec.Command(command[0], args...)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", program, err, out)
	}
	return nil
}

// testdata is the directory with real DBN files; "" when there are not any.
func testdata() string {
	dir := os.Getenv("DBN_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "testdata", "dbn")
	}
	dir, err := filepath.Abs(dir)
	if _, statErr := os.Stat(dir); err != nil || statErr != nil {
		return ""
	}
	return dir
}

func TestScripts(t *testing.T) { runScripts(t, filepath.Join("testdata", "script"), programs) }

// runScripts runs the scripts of a directory with the programs of others, or else the usual ones.
func runScripts(t *testing.T, dir, others string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			path := []string{others, programs, env.Getenv("PATH")}
			env.Setenv("PATH", strings.Join(path, string(os.PathListSeparator)))
			env.Setenv("DATABENTO_API_KEY", sim.TestKey)
			env.Setenv("KEY", sim.TestKey)
			samples, err := filepath.Abs(filepath.Join("..", "..", "sim", "sample", "data"))
			env.Setenv("SAMPLES", samples)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sim": scriptSim, "exits": scriptExits, "closedport": scriptClosedPort, "columns": scriptColumns,
		},
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(3 * time.Minute),
	})
}

// scriptSim starts a simulator, until the script ends: sim ARGS…. It sets $GATEWAY, and
// with --hist-port-file port also $HIST.
func scriptSim(ts *testscript.TestScript, _ bool, args []string) {
	gateway, stop, err := startSim(ts.Getenv("WORK"), args...)
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("GATEWAY", gateway)
	if slices.Contains(args, "--hist-port-file") {
		url, err := histURL(ts.Getenv("WORK"))
		ts.Check(err)
		ts.Setenv("HIST", url)
	}
}

// histURL is where a simulator started in dir with --hist-port-file port serves the
// historical API. It wrote the file before it said that it is ready.
func histURL(dir string) (string, error) {
	port, err := os.ReadFile(filepath.Join(dir, "port"))
	if err != nil {
		return "", err
	}
	return "https://127.0.0.1:" + strings.TrimSpace(string(port)), nil
}

// startSim runs a simulator that serves until stop is called.
func startSim(dir string, args ...string) (gateway string, stop func(), err error) {
	cmd := exec.Command(filepath.Join(programs, "dbn-sim"), append([]string{"-q"}, args...)...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		cmd.Wait()                          //nolint:errcheck // so it may
	}
	gateway, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		stop()
		return "", nil, fmt.Errorf("dbn-sim said %q, then %v: %s", line, err, stderr.String())
	}
	return gateway, stop, nil
}

// scriptExits runs a program and checks its exit code: exits CODE PROGRAM ARGS….
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptClosedPort sets $CLOSED to an address on which nobody listens.
func scriptClosedPort(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("CLOSED", listener.Addr().String())
	ts.Check(listener.Close())
}
