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
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

// killed is a capture whose writers are killed, one after the other, and resumed. It runs in a
// goroutine of its own. When all of the market is in the file, another round begins.
type killed struct {
	sims    *sims
	random  *rand.Rand
	program string // dbn-tail
	sim     string
	market  exchange.Market
	files   []string
	path    string

	venue    *venue
	messages bytes.Buffer // of the last writer

	kills                   atomic.Uint64 // which idle reads while they happen
	records, rounds, resets uint64
	peakKiB                 int
}

// run writes until the context ends.
func (k *killed) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := k.round(ctx); err != nil {
			return fmt.Errorf("%s: round %d, %d writers killed: %w", k.path, k.rounds+1, k.kills.Load(), err)
		}
	}
	return nil
}

func (k *killed) round(ctx context.Context) (err error) {
	if k.venue, err = k.sims.openVenue(k.sim, k.files); err != nil {
		return err
	}
	defer k.venue.close(k.sims)
	if err := os.Remove(k.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for more := true; more; {
		if ctx.Err() != nil {
			_, err := k.check() // what there is
			return err
		}
		if more, err = k.life(); err != nil {
			return err
		}
	}
	audit, err := k.check()
	if err != nil {
		return err
	}
	if audit.Left > 0 {
		if err := k.finish(audit.Left); err != nil {
			return err
		}
		if audit, err = k.check(); err != nil {
			return err
		}
	}
	k.records += uint64(audit.Records)
	k.rounds++
	return audit.Complete()
}

// writer is a process that has not been started.
func (k *killed) writer(ctx context.Context, more ...string) *exec.Cmd {
	args := []string{
		"-d", exchange.Dataset, "-s", k.market.Schemas(), "--all-symbols", "-y", "--start", strconv.FormatUint(uint64(exchange.Start), 10),
		"--gateway", fmt.Sprint(k.venue.host, ":", k.venue.port), "--resume", k.path,
	}
	cmd := exec.CommandContext(ctx, k.program, append(args, more...)...)
	cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	k.messages.Reset()
	cmd.Stderr = &k.messages
	return cmd
}

// life lets a writer live for some hundred milliseconds, and the market continue after its end.
func (k *killed) life() (more bool, err error) {
	cmd := k.writer(context.Background())
	if err := cmd.Start(); err != nil {
		return false, err
	}
	more = true
	for ticks := 1 + k.random.IntN(60); ticks > 0 && err == nil; ticks-- {
		time.Sleep(tick)
		more, err = k.venue.advance(1 + k.random.IntN(2*rate))
		if err == nil && k.random.IntN(60) == 0 {
			k.resets++
			_, err = k.venue.ask("reset")
		}
	}
	k.peakKiB = max(k.peakKiB, rssOf(strconv.Itoa(cmd.Process.Pid)))
	cmd.Process.Kill() //nolint:errcheck // Wait says how it ended
	cmd.Wait()         //nolint:errcheck // so does its state
	if cmd.ProcessState.ExitCode() != -1 {
		return false, fmt.Errorf("the writer ended by itself, with %d: %s", cmd.ProcessState.ExitCode(), &k.messages)
	}
	k.kills.Add(1)
	if err != nil || !more {
		return more, err
	}
	return k.venue.advance(1 + k.random.IntN(10*rate))
}

// finish lets a writer write what is left.
func (k *killed) finish(left int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := k.writer(ctx, "-l", strconv.Itoa(left)).Run(); err != nil {
		return fmt.Errorf("the last writer, of %d records: %w: %s", left, err, &k.messages)
	}
	return nil
}

// check compares the file with the market. Its end may be incomplete.
func (k *killed) check() (*exchange.Audit, error) {
	audit := k.market.Audit()
	file, err := os.Open(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return audit, nil // every writer was killed before it made the file
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return audit, nil // nothing was written yet
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			return audit, nil // the end, or an incomplete one: what is missing is counted
		}
		if err := audit.Add(r); err != nil {
			return nil, err
		}
	}
}

func (k *killed) String() string {
	return fmt.Sprintf("%s: %d records in complete files, %d rounds, %d writers killed, %d sessions reset, the writers' peak RSS %d KiB",
		filepath.Base(k.path), k.records, k.rounds, k.kills.Load(), k.resets, k.peakKiB)
}
