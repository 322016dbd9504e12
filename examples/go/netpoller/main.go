// Command netpoller turns the reactor in a loop of its own, which waits on Go's netpoller. Run does
// the same; a loop of one's own can do something else between two turns.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"golang.org/x/sys/unix"
)

func main() {
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	flag.Parse()
	if err := run(*gateway, *port); err != nil {
		log.Fatal(err)
	}
}

func run(gateway string, port int) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		return err
	}
	trades, ended := 0, false
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) { trades++ },
		Error: func(error) { ended = true },
	})
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols))
	if err := errors.Join(err, client.Connect(gateway, port), client.Start()); err != nil {
		return err
	}
	// docs: loop
	fd, err := unix.Dup(reactor.Fd()) // the file closes its own
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for the netpoller
		return err
	}
	file := os.NewFile(uintptr(fd), "reactor")
	defer file.Close()
	ready, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = ready.Read(func(fd uintptr) (done bool) { // again whenever fd has become readable
		for !ended && failure == nil {
			var n int
			n, failure = reactor.Poll(0)
			// The netpoller reports edges: wait only when there is nothing left to do.
			level := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if readable, _ := unix.Poll(level, 0); n == 0 && readable == 0 {
				return false
			}
		}
		return true
	})
	// docs: end
	fmt.Println(trades, "trades")
	return errors.Join(err, failure)
}
