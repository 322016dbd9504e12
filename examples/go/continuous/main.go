// Command continuous counts trades without a gap, however often the session breaks. It ends when
// attempts have brought nothing new for a second.
//
// The key is read from DATABENTO_API_KEY. With -gateway and -port it reads from a simulator.
package main

import (
	"context"
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
	options := []dbnloop.ContinuousOption{dbnloop.WithGateway(*gateway, *port), dbnloop.WithGiveUpAfter(time.Second)}
	if *gateway != "" { // a simulator replays all of its data, however old that is
		options = append(options, dbnloop.WithReplayLimit(10*365*24*time.Hour))
	}
	if err := run(options); err != nil {
		log.Fatal(err)
	}
}

func run(options []dbnloop.ContinuousOption) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	// docs: stream
	client, err := dbnloop.NewContinuousClient(reactor, os.Getenv("DATABENTO_API_KEY"), options...)
	if err != nil {
		return err
	}
	if _, err := client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6")); err != nil {
		return err
	}
	trades := 0
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) { trades++ },
		Continuity: func(e dbnloop.ContinuityEvent) {
			switch e.Kind {
			case dbnloop.Reconnecting:
				log.Printf("attempt %d in %v: %v", e.Attempt, e.Delay, e.Err)
			case dbnloop.Recovered:
				log.Printf("%v is complete up to %v: %d replayed, %d dropped", e.Schema, e.To, e.Replayed, e.Dropped)
			case dbnloop.Gap:
				log.Printf("%v may lack records from %v to %v: %v", e.Schema, e.From, e.To, e.Gap)
			}
		},
		Error: func(err error) {
			log.Print(err)
			reactor.Stop()
		},
	})
	if err := client.Start(); err != nil {
		return err
	}
	err = reactor.Run(context.Background())
	// docs: end
	fmt.Println(trades, "trades")
	return err
}
