// Command soak runs live sessions, historical streams, files and continuous streams on one reactor
// for a while, against simulators in processes of their own, with random pauses, cuts and restarts,
// and compares every record with what was sent. Beside them dbn-tail captures a market to files, is
// killed, and resumes. It prints memory, fds and goroutines, and fails when a record is lost or
// repeated or when one of them grows.
//
//	make soak T=900
//
// With -capture, dbn-tail captures a market that follows the clock to many files, which are
// verified and counted.
//
//	make soak-capture T=1800 ROTATE=1m
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop"
)

func main() {
	seconds := flag.Int("t", 60, "seconds")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random choices")
	program := flag.String("sim", "build/bin/dbn-sim", "the simulator")
	tail := flag.String("tail", "build/bin/dbn-tail", "the program that captures")
	records := flag.Int("records", 200_000, "in the data, which is sent over and over")
	download := flag.Int64("download", 1<<30, "bytes of the download that is paused; 0: none")
	unreliable := flag.Bool("unreliable", false, "the network itself may break connections")
	capture := flag.Bool("capture", false, "run one capture that rotates, instead of everything else")
	rate := flag.Int("rate", 2000, "of a capture: changed orders per second")
	rotate := flag.String("rotate", "1m", "of a capture: when a file ends")
	python := flag.String("python", "", "of a capture: a Python that has DuckDB; otherwise it is installed in a temporary directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("soak: %d s, seed %d\n", *seconds, *seed)
	soak := run
	if *capture {
		soak = runCapture
	}
	err := soak(ctx, options{
		duration: time.Duration(*seconds) * time.Second, seed: *seed, program: *program, tail: *tail,
		records: *records, download: *download, moreKiB: 16 << 10, unreliable: *unreliable,
		rate: *rate, rotate: *rotate, python: *python, installs: *python == "",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("soak: ok")
}

type options struct {
	duration time.Duration
	seed     uint64
	program  string // the simulator
	tail     string // the program that captures
	records  int
	download int64
	// unreliable says that any stream may break off, where it is not the simulator's doing.
	unreliable bool
	moreKiB    int // of RSS that may be added on the way: Go's heap and the kernel's caches vary

	// Of a capture:
	rate     int
	rotate   string
	python   string // a Python that has DuckDB; empty: nothing counts
	installs bool   // such a Python
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data, err := writeData(dir, o.records)
	if err != nil {
		return err
	}
	sims, err := startSims(o.program, dir, data, o)
	if err != nil {
		return err
	}
	defer sims.stop()

	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close() //nolint:errcheck // the process ends
	if o.download > 0 {
		if err := pausedDownload(ctx, reactor, sims, o); err != nil {
			return err
		}
	}
	w := &world{
		reactor: reactor, random: rand.New(rand.NewPCG(o.seed, 1)), records: uint64(o.records),
		unreliable: o.unreliable,
	}
	if err := w.populate(sims, data); err != nil {
		return err
	}
	if err := w.addUnbroken(sims, dir, o); err != nil {
		return err
	}
	m := newMeter(o, w, sims)
	if _, err := reactor.Every(m.interval, m.tick); err != nil {
		return err
	}
	if _, err := reactor.AfterFunc(o.duration, func() { w.stopWhenEnough(10 * o.duration) }); err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	writing, end := context.WithCancel(ctx)
	wait := w.write(writing)
	err = reactor.Run(ctx)
	end()
	wait()
	reactor.Poll(0) //nolint:errcheck // what the writers posted at last
	if err != nil {
		return err
	}
	m.print()
	w.close()
	for _, k := range w.writers {
		fmt.Println("soak:", k)
	}
	return errors.Join(w.err, m.verdict(), w.enough())
}
