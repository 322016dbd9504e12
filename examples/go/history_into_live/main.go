// Command history_into_live prints trades from a time in the past on: from history, then from the
// gateway's replay, then live. It buys history for at most -max-usd, and ends after -limit trades.
// The key is read from DATABENTO_API_KEY.
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
	url := flag.String("url", "", "the historical API; empty: Databento's")
	ca := flag.String("ca", "", "file of the authority to trust; empty: the system's")
	budget := flag.Float64("max-usd", 0, "US dollars that history may cost")
	start := flag.String("start", time.Now().AddDate(0, 0, -7).UTC().Format(time.RFC3339), "time of the first record")
	limit := flag.Int("limit", 1000, "number of trades")
	flag.Parse()
	options := []dbnloop.ContinuousOption{dbnloop.WithMaxCost(*budget), dbnloop.WithGateway(*gateway, *port)}
	if *url != "" { // a simulator's data spans minutes: all of its past is to come from history
		history := dbnloop.WithHistory(dbnloop.WithURL(*url), dbnloop.WithCAFile(*ca))
		options = append(options, history, dbnloop.WithReplayLimit(0))
	}
	begin, err := time.Parse(time.RFC3339, *start)
	if err == nil {
		err = run(begin, *limit, options)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(begin time.Time, limit int, options []dbnloop.ContinuousOption) error {
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
	subscription := dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6")
	subscription.HasStart, subscription.Start = true, dbn.UnixNanosOf(begin)
	if _, err := client.Subscribe(subscription); err != nil {
		return err
	}
	trades := 0
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			if trades++; trades == limit {
				reactor.Stop()
				client.Pause() // no further record after this one
			}
		},
		StreamState: func(state dbnloop.StreamState) { log.Print(state, " after ", trades) },
		Continuity: func(e dbnloop.ContinuityEvent) {
			log.Printf("%v: USD %f", e.Kind, e.Cost) // a Price that WithMaxCost does not allow ends the stream
		},
		Error: func(e error) { err = e; reactor.Stop() },
	})
	if err := client.Start(); err != nil {
		return err
	}
	reactor.Run(context.Background()) //nolint:errcheck // only a context would end it
	// docs: end
	fmt.Printf("%d trades, USD %f\n", trades, client.Spent())
	return err
}
