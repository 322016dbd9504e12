package chaos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// process is a program that is killed and started again. One goroutine at a time uses it.
type process struct {
	name string
	make func() *exec.Cmd

	cmd    *exec.Cmd
	said   *tail         // its standard error
	gone   chan struct{} // closed when it has ended
	after  int           // ticks until it is started again
	kills  int
	exits  int // times that it ended by itself
	reason string
	peak   int // RSS in KiB
}

// start starts it, and does not wait until it is ready.
func (p *process) start() error {
	p.prepare()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.watch()
	return nil
}

// startAndWait starts it and waits for the line on standard output that says that it is ready.
func (p *process) startAndWait() error {
	p.prepare()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.watch() // after the reading, which Wait would end
	if err != nil {
		<-p.gone
		return fmt.Errorf("%s does not start: %q: %s", p.name, line, p.said)
	}
	return nil
}

func (p *process) prepare() {
	p.cmd, p.said = p.make(), new(tail)
	p.cmd.Stderr = p.said
}

// watch waits for its end.
func (p *process) watch() {
	gone, cmd := make(chan struct{}), p.cmd
	p.gone = gone
	go func() {
		cmd.Wait() //nolint:errcheck // its state says how it ended
		close(gone)
	}()
}

func (p *process) alive() bool {
	if p.gone == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// kill kills it, and lets it be started again after some ticks.
func (p *process) kill(after int) {
	if !p.alive() {
		return
	}
	p.kills++
	p.end()
	p.after = after
}

// end kills it for good.
func (p *process) end() {
	if p.gone == nil {
		return
	}
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	<-p.gone
	p.gone = nil
}

// restartDelay is how many ticks pass before a process that has ended by itself is started again.
const restartDelay = 20

// tick starts it again when it is time.
func (p *process) tick() error {
	if p.alive() {
		p.peak = max(p.peak, rssOf(p.cmd.Process.Pid))
		return nil
	}
	if p.gone != nil { // it ended by itself, as a supervisor notices
		p.gone = nil
		p.exits++
		p.reason = p.said.lastLine()
		p.after = restartDelay
	}
	if p.after > 0 {
		p.after--
		return nil
	}
	return p.start()
}

// rssOf is the memory of a process in KiB; 0 when it is gone.
func rssOf(pid int) (kib int) {
	if status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status"); err == nil {
		if _, rest, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
			kib, _ = strconv.Atoi(string(bytes.Fields(rest)[0]))
		}
	}
	return kib
}

// tail keeps the last bytes that are written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const keptBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*keptBytes {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-keptBytes:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

func (t *tail) lastLine() string {
	lines := strings.Split(strings.TrimSpace(t.String()), "\n")
	return lines[len(lines)-1]
}

// freeAddress is one of this machine that nobody uses now. A process that is killed listens there again.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func freeAddresses(n int) (list []string, err error) {
	for range n {
		address, e := freeAddress()
		list, err = append(list, address), errors.Join(err, e)
	}
	return list, err
}
