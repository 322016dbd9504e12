// Program live_go is what test/bench/live_receive measures as "Go": a live client through
// cgo that takes runs of mbo records and sums their prices. See there for its arguments.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: live_go PORT RECORDS")
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, "db-benchbenchbenchbenchbench0000")
	if err != nil {
		return err
	}
	defer client.Close()
	records, sum, ended := uint64(0), uint64(0), false
	client.Handle(dbnloop.Handlers{
		MboRun: func(run []dbn.MboMsg) {
			records += uint64(len(run))
			for i := range run {
				sum += uint64(run[i].Price)
			}
		},
		Error: func(error) { ended = true },
	})
	if _, err := client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)); err != nil {
		return err
	}
	if err := client.Connect("127.0.0.1", port); err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	for client.State() != dbnloop.Streaming && !ended {
		if _, err := reactor.Poll(-1); err != nil {
			return err
		}
	}
	began, cpu := time.Now(), cpuSeconds()
	for !ended {
		if _, err := reactor.Poll(-1); err != nil {
			return err
		}
	}
	fmt.Println(records, sum, time.Since(began).Seconds(), cpuSeconds()-cpu)
	return nil
}

func cpuSeconds() float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
