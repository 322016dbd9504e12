package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
)

// TestMain lets a test start this program: the test binary itself, told to be dbn-sim.
func TestMain(m *testing.M) {
	if os.Getenv("BE_DBN_SIM") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program starts dbn-sim and waits until it is ready.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, address string, stdout *bufio.Reader) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BE_DBN_SIM=1")
	cmd.Stderr = io.Discard
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout = bufio.NewReader(pipe)
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening on ")
	if !ok {
		t.Fatalf("first line %q", line)
	}
	return cmd, address, stdout
}

func greeting(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestItServesUntilASignal(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			portFile := filepath.Join(t.TempDir(), "port")
			cmd, address, stdout := program(t, "--port-file", portFile, "--pace", "1x", "--loop", "forever")
			port, err := os.ReadFile(portFile)
			if err != nil || "127.0.0.1:"+string(port) != address+"\n" {
				t.Errorf("port file %q, %v; listening on %s", port, err, address)
			}
			if line := greeting(t, address); !strings.HasPrefix(line, "lsg_version=") {
				t.Errorf("greeting %q", line)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(stdout); err != nil || len(rest) > 0 {
				t.Errorf("more on standard output: %q, %v", rest, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after the signal: %v", err)
			}
		})
	}
}

func TestItEndsAfterSessions(t *testing.T) {
	cmd, address, _ := program(t, "--exit-after-sessions", "2")
	greeting(t, address)
	greeting(t, address)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestItServesTheHistoricalAPI(t *testing.T) {
	folder := t.TempDir()
	ca, portFile := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "port")
	cmd, _, stdout := program(t, "--hist-port", "0", "--ca-out", ca, "--hist-port-file", portFile,
		"--hist-fault", "error-text=418,on=2", "--hist-warning", "Warning: hello")
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "historical on ")
	port, err := os.ReadFile(portFile)
	if !ok || err != nil || url != "https://127.0.0.1:"+strings.TrimSpace(string(port)) {
		t.Errorf("line %q, port %q, %v", line, port, err)
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	for _, status := range []int{http.StatusOK, http.StatusTeapot} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v0/metadata.list_datasets", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(sim.TestKey, "")
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status || response.Header.Get("X-Warning") != `["Warning: hello"]` {
			t.Errorf("status %d, want %d; %v", response.StatusCode, status, response.Header)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// --live-from is the present of both faces: history ends where live data begins.
func TestHistoryEndsAtLiveFrom(t *testing.T) {
	cmd, _, stdout := program(t, "--live-from", "2026-11-15T23:01", "--hist-port", "0", "--hist-plain")
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "historical on ")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v0/metadata.get_dataset_range?dataset=GLBX.MDP3", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(sim.TestKey, "")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(body), `"end":"2026-11-15T23:01:00.000000000Z"`) || strings.Contains(string(body), "2026-11-16") {
		t.Errorf("%v: %s", err, body)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMistakesAreOneClearLine(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		text string
	}{
		{"--exit-after-sessions few", exitUsage, `--exit-after-sessions "few": want a whole number`},
		{"--heartbeat 30", exitUsage, `--heartbeat "30": want a duration such as 30s or 5m`},
		{"--no-such-flag", exitUsage, "unknown flag: --no-such-flag"},
		{"--pace slow", exitUsage, `pace "slow": want fast, a factor such as 1x, or a rate such as 1000/s`},
		{"--loop 0", exitUsage, `--loop "0": want a number of passes or forever`},
		{"--fault nonsense", exitUsage, `fault "nonsense" is unknown`},
		{"--fault stall=x", exitUsage, `position "x": want a number of records, bytes (100b), end, or a place in the handshake (connect, greeting, challenge, auth, answer, request, start)`},
		{"--live-from soon", exitUsage, `--live-from: invalid time "soon": want ISO 8601`},
		{"--live-from 1794700800", exitUsage, `looks like seconds`},
		{"--shared-market", exitUsage, "--shared-market needs a --pace that is a factor of real time, such as 1x, or --control"},
		{"--shared-market --pace 5/s", exitFailure, "a shared market needs a pace that is a factor of real time, such as 1x, or none, and one pass"},
		{"--fault refuse=1,soon", exitUsage, `"soon" is not a duration, such as 2s`},
		{"--log-format xml", exitUsage, `--log-format "xml": want text or json`},
		{"-v -q", exitUsage, "--quiet and --verbose exclude each other"},
		{"--hist-port 0 --hist-fault nonsense", exitUsage, `--hist-fault: fault "nonsense" is unknown`},
		{"--hist-port 0 --hist-condition 2026-01-01", exitUsage, "want DATE=CONDITION"},
		{"--hist-port 0 --hist-condition 2026-01-01=fine", exitFailure, `condition "fine" of 2026-01-01`},
		{"--hist-port 0 --ca-out /no/such/folder/ca.pem", exitFailure, "--ca-out"},
		{"--hist-port 99999", exitFailure, "invalid port"},
		{"--ca-out ca.pem", exitUsage, "need --hist-port or --hist-listen"},
		{"--key short", exitFailure, "key 1 of 1 has 5 characters, want 32"},
		{"--dbn-version 9", exitFailure, "DBN version 9 does not exist"},
		{"no-such-file.dbn", exitFailure, "open no-such-file.dbn: no such file or directory"},
		{"--listen 127.0.0.1:99999", exitFailure, "invalid port"},
		{"--port-file /no/such/folder/port", exitFailure, "port file"},
	} {
		t.Run(test.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), strings.Fields(test.args), &stdout, &stderr)
			if code != test.code || !strings.Contains(stderr.String(), test.text) ||
				!strings.HasPrefix(stderr.String(), "dbn-sim: ") || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("exit code %d, standard error %q", code, stderr.String())
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output %q", stdout.String())
			}
		})
	}
}

func TestHelpNamesEveryFault(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, word := range []string{"cut-record", "stall", "--exit-after-sessions", "--port-file", "cert-expired", "--hist-port", "--ca-out"} {
		if !strings.Contains(stdout.String(), word) {
			t.Errorf("%s is not in the help", word)
		}
	}
}

func TestHelpThatCannotBeWrittenIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, flag := range []string{"--help", "--version"} {
		var stderr bytes.Buffer
		code := run(t.Context(), []string{flag}, full, &stderr)
		if code != exitFailure || stderr.String() != "dbn-sim: cannot write to standard output: no space left on device\n" {
			t.Errorf("%s: exit code %d, %q", flag, code, stderr.String())
		}
	}
}

func TestADoneContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"--quiet", "../../sim/sample/data/trades.dbn.zst"}, &stdout, &stderr)
	if code != exitOK || !strings.HasPrefix(stdout.String(), "listening on 127.0.0.1:") || stderr.Len() > 0 {
		t.Errorf("exit code %d, %q, %q", code, stdout.String(), stderr.String())
	}
}
