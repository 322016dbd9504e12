// Command reconnect counts trades across reconnections: each session resumes where the last one
// broke, and drops what the gateway repeats. It gives up when four attempts in a row bring
// nothing new.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	flag.Parse()
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		log.Fatal(err)
	}
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	// docs: session
	trades, failures := 0, 0           // failures: since the last new record
	positions := map[uint32]position{} // by instrument
	connect := func() {
		es := dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6")
		for id, p := range positions {
			p.seam, p.repeats = p.last, p.count
			positions[id] = p
			if !es.HasStart || p.last < es.Start { // all of them resume from the lowest
				es.HasStart, es.Start = true, p.last
			}
		}
		_, err := client.Subscribe(es)
		if err := errors.Join(err, client.Connect(*gateway, *port), client.Start()); err != nil {
			log.Fatal(err)
		}
	}
	client.Handle(dbnloop.Handlers{
		Trade: func(t *dbn.TradeMsg) {
			p := positions[t.Hd.InstrumentID]
			if p.advance(t.Hd.TsEvent) {
				trades, failures = trades+1, 0
			}
			positions[t.Hd.InstrumentID] = p
		},
		Error: func(err error) {
			log.Println(err)
			if failures++; failures > 3 || errors.Is(err, dbnloop.ErrAuthFailed) {
				reactor.Stop()
			} else if _, err := reactor.AfterFunc(100*time.Millisecond<<failures, connect); err != nil {
				log.Fatal(err)
			}
		},
	})
	connect()
	err = reactor.Run(context.Background())
	// docs: end
	fmt.Println(trades, "trades")
	if err != nil {
		log.Fatal(err)
	}
}
