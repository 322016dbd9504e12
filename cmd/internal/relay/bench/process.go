package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
	"github.com/dbnloop/dbnloop/sim"
)

// consumerKey is the key of the relay's consumers.
const consumerKey = "db-relayBENCHrelayBENCHrelayBENC"

// process is a program that is measured.
type process struct {
	cmd   *exec.Cmd
	first string // its first line of output
	lines *bufio.Reader
	admin string // of a relay
}

// start runs a program until it has written a line.
func start(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(out)
	if p.first, err = p.lines.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("%s has ended: %w", name, err), p.end())
	}
	p.first = strings.TrimSpace(p.first)
	return p, nil
}

// startRelay runs a relay of what a gateway sends.
func (s *settings) startRelay(gateway, log string, begin string) (*process, error) {
	keys := filepath.Join(s.directory, "keys")
	if err := os.WriteFile(keys, []byte(consumerKey+"\n"), 0o600); err != nil {
		return nil, err
	}
	config := filepath.Join(s.directory, "relay.toml")
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, []byte(fmt.Sprintf(`
[upstream]
gateway = %q
replay_limit = "36500d"
[log]
directory = %q
[serve]
keys_file = %q
listen = "127.0.0.1:0"
[admin]
listen = %q
[[dataset]]
name = %q
start = %q
[[dataset.subscription]]
schema = "mbo"
`, gateway, log, keys, admin, dataset, begin)), 0o600); err != nil {
		return nil, err
	}
	p, err := start(s.relay, "--config", config, "--quiet")
	if err != nil {
		return nil, err
	}
	p.first = strings.TrimPrefix(p.first, "listening on ")
	p.admin = admin
	return p, nil
}

// freeAddress is one that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close() //nolint:errcheck // it was only asked for its address
	return l.Addr().String(), nil
}

// status is what a relay says of itself.
func (p *process) status() (status service.Status, err error) {
	answer, err := http.Get("http://" + p.admin + "/status")
	if err != nil {
		return status, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	return status, json.NewDecoder(answer.Body).Decode(&status)
}

// awaitBytes waits until a relay's log has acknowledged that many bytes of records, and calls each meanwhile.
func (p *process) awaitBytes(bytes int64, each func()) error {
	for range time.Tick(20 * time.Millisecond) {
		status, err := p.status()
		if err != nil {
			return err
		}
		d := status.Datasets[0]
		if d.Bytes-d.Pending >= bytes {
			break
		}
		if each != nil {
			each()
		}
	}
	return nil
}

// cpu is the processor time that it has taken, user and system.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // Linux counts hundredths for programs
}

// memory is its resident memory in MiB.
func (p *process) memory() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kib / 1024
}

// end ends it in order.
func (p *process) end() error {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait says what became of it
	return p.cmd.Wait()
}
