package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

// rotating is a capture to many files of a market that follows the clock. Its sessions are cut, it
// gets SIGHUP, and one writer is killed; another one resumes. At the end the files must have every
// record of the market once.
type rotating struct {
	options
	random *rand.Rand
	market exchange.Market
	sims   sims
	venue  *venue
	ca     string // authorities of the historical API
	dir    string // the files

	writer   *exec.Cmd
	ended    chan error
	messages bytes.Buffer // of the writers

	writers, resets int
	peakKiB         int
	cpu             time.Duration
}

// runCapture captures for a while, and checks what there is then.
func runCapture(ctx context.Context, o options) (err error) {
	work, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c := &rotating{options: o, random: rand.New(rand.NewPCG(o.seed, 3)), dir: filepath.Join(work, "captures"), ca: filepath.Join(work, "ca.pem")}
	if o.installs {
		if c.python, err = installDuckDB(ctx, work); err != nil {
			return err
		}
	}
	c.market = exchange.Busy(c.random, int(o.duration/time.Second), o.rate)
	files, err := c.market.Write(work)
	if err != nil {
		return err
	}
	c.venue, err = c.sims.openVenue(o.program, files, "--pace", "1x", "--live-from", at(exchange.Start), "--hist-port", "0", "--ca-out", c.ca)
	if err != nil {
		return err
	}
	defer c.venue.close(&c.sims)
	if err := errors.Join(c.venue.openHistory(), os.Mkdir(c.dir, 0o700)); err != nil {
		return err
	}
	if err := c.capture(ctx); err != nil {
		return fmt.Errorf("%w; the writers said: %s", err, &c.messages)
	}
	return c.check(ctx, work)
}

func at(t dbn.UnixNanos) string { return strconv.FormatUint(uint64(t), 10) }

// tail is a dbn-tail with the key and the addresses.
func (c *rotating) tail(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.options.tail, args...)
	cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	return cmd
}

func (c *rotating) history() []string { return []string{"--hist-url", c.venue.url, "--ca-file", c.ca} }

// start starts a writer, which begins or resumes.
func (c *rotating) start(ctx context.Context, more ...string) error {
	args := append([]string{
		"-d", exchange.Dataset, "-s", c.market.Schemas(), "--all-symbols", "--start", at(exchange.Start), "-y",
		"--gateway", fmt.Sprint(c.venue.host, ":", c.venue.port), "--rotate", c.rotate,
		"--resume", filepath.Join(c.dir, "{date}-{time}.dbn.zst"),
	}, more...)
	cmd := c.tail(ctx, append(args, c.history()...)...)
	cmd.Stderr = &c.messages
	if err := cmd.Start(); err != nil {
		return err
	}
	c.writer, c.ended = cmd, make(chan error, 1)
	c.writers++
	go func(ended chan<- error) { ended <- cmd.Wait() }(c.ended)
	return nil
}

// end sends a signal that ends the writer.
func (c *rotating) end(signal syscall.Signal) error {
	c.writer.Process.Signal(signal) //nolint:errcheck // it ends, or has ended
	err := <-c.ended
	c.cpu += c.writer.ProcessState.UserTime() + c.writer.ProcessState.SystemTime()
	killed, terminated := -1, 128+int(syscall.SIGTERM)
	switch code := c.writer.ProcessState.ExitCode(); {
	case signal == syscall.SIGKILL && code == killed, signal == syscall.SIGTERM && code == terminated:
		return nil
	}
	return fmt.Errorf("after %v, a writer ended with %w", signal, err)
}

// capture runs writers until the market has ended.
func (c *rotating) capture(ctx context.Context) error {
	if err := c.start(ctx); err != nil {
		return err
	}
	seconds := int(c.duration / time.Second)
	hup, kill := seconds/4, seconds/2
	back := kill + max(2, seconds/100)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for now, trouble := 0, c.soon(seconds); now < seconds+3; now++ {
		select {
		case <-second.C:
		case err := <-c.ended:
			return fmt.Errorf("a writer ended by itself: %w", err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), c.end(syscall.SIGTERM))
		}
		var err error
		switch now {
		case hup:
			err = c.writer.Process.Signal(syscall.SIGHUP)
		case kill:
			err = c.end(syscall.SIGKILL)
			c.ended = nil
		case back:
			err = c.start(ctx)
		}
		if trouble--; trouble <= 0 && err == nil {
			trouble = c.soon(seconds)
			err = c.cause()
		}
		if err != nil {
			return err
		}
		c.peakKiB = max(c.peakKiB, rssOf(strconv.Itoa(c.writer.Process.Pid)))
	}
	if err := c.venue.behave(0); err != nil {
		return err
	}
	return c.end(syscall.SIGTERM)
}

// soon is a number of seconds, such that there is trouble about sixty times.
func (c *rotating) soon(seconds int) int { return 1 + c.random.IntN(max(2, seconds/30)) }

// cause breaks the session, and often the next ones as well.
func (c *rotating) cause() error {
	records := c.random.IntN(4 * c.rate)
	faults := []string{
		"", "", "reset=%d,on=1", "close=%d,on=1", "half-close=%d,on=1", "cut-record=%d,on=1", "error-close=%d,on=1",
		"refuse=%d,2s,on=1", "stall=%d,500ms,on=1",
	}
	if fault := faults[c.random.IntN(len(faults))]; fault != "" {
		if err := c.venue.misbehave(fmt.Sprintf(fault, records)); err != nil {
			return err
		}
	}
	c.resets++
	_, err := c.venue.ask("reset")
	return err
}

// files are those of the capture, in their order.
func (c *rotating) files() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(c.dir, "*.dbn.zst"))
	slices.Sort(paths)
	return paths, err
}

func (c *rotating) String() string {
	return fmt.Sprintf("%d writers, %d sessions reset, %d other faults; the writers: %.1f s of CPU, peak RSS %d KiB",
		c.writers, c.resets, c.venue.fired, c.cpu.Seconds(), c.peakKiB)
}
