// Program receive_go measures the Go clients as receive.cpp measures those in C++: it
// receives a stream, sums the prices and prints one line.
//
//	receive_go live|file|historical FORM PORT|PATH RECORDS
//
// FORM is how the records reach the program: runs, handlers, record (one handler for all),
// records and batches (loops); for files also decoder, csv and json, which are package dbn
// alone. The file of SSL_CERT_FILE is trusted.
package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

const key = "db-benchbenchbenchbenchbench0000"

func main() {
	log.SetFlags(0)
	log.SetPrefix("receive_go: ")
	if len(os.Args) != 5 {
		log.Fatal("usage: receive_go live|file|historical FORM PORT|PATH RECORDS")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(transport, form, target string) error {
	if transport == "file" && packageDbn(form) {
		return decode(form, target)
	}
	if transport == "file" && form == "bare" {
		return walk(target)
	}
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	s, err := open(reactor, transport, target)
	if err != nil {
		return err
	}
	defer s.Close()
	return receive(reactor, s, form)
}

// source is what the three clients share.
type source interface {
	Handle(dbnloop.Handlers)
	Records(context.Context) iter.Seq2[dbn.Record, error]
	Batches(context.Context) iter.Seq2[dbnloop.Batch, error]
	Start() error
	Close() error
}

func open(r *dbnloop.Reactor, transport, target string) (source, error) {
	switch transport {
	case "live":
		return openLive(r, target)
	case "file":
		return dbnloop.NewFileSource(r, target)
	case "historical":
		return openHistorical(r, target)
	}
	return nil, fmt.Errorf("unknown transport %q", transport)
}

func receive(reactor *dbnloop.Reactor, s source, form string) error {
	var t totals
	ended, failed := false, error(nil)
	h, ok := handlers(form, &t)
	loop := form == "records" || form == "batches"
	if !ok && !loop {
		return fmt.Errorf("unknown form %q", form)
	}
	h.Complete = func() { ended = true }
	h.Error = func(err error) { ended, failed = true, err }
	w := start()
	h.State = func(state dbnloop.State) {
		if state == dbnloop.Streaming {
			w = start() // without the handshake
		}
	}
	s.Handle(h)
	if err := s.Start(); err != nil {
		return err
	}
	switch form {
	case "records":
		for r, err := range s.Records(context.Background()) {
			if err != nil {
				failed = err
				break
			}
			t.take(r)
		}
	case "batches":
		for b, err := range s.Batches(context.Background()) {
			if err != nil {
				failed = err
				break
			}
			for run := range b.Runs() {
				t.takeRun(run)
			}
		}
	default:
		for !ended {
			if _, err := reactor.Poll(-1); err != nil {
				return err
			}
		}
	}
	w.print(t)
	if failed != nil && !errors.Is(failed, dbnloop.ErrConnectionClosed) {
		return failed
	}
	return nil
}

// stopwatch measures wall time and the process's CPU time.
type stopwatch struct {
	wall time.Time
	cpu  float64
}

func start() stopwatch { return stopwatch{time.Now(), cpuSeconds()} }

// print prints the line that the runner reads.
func (w stopwatch) print(t totals) {
	seconds, cpu := time.Since(w.wall).Seconds(), cpuSeconds()-w.cpu
	fmt.Println(`{"records":` + strconv.FormatUint(t.records, 10) + `,"sum":` + strconv.FormatUint(t.sum, 10) +
		`,"seconds":` + strconv.FormatFloat(seconds, 'f', 9, 64) + `,"cpu":` + strconv.FormatFloat(cpu, 'f', 6, 64) + `}`)
}

func cpuSeconds() float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
