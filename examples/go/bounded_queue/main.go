// Command bounded_queue hands trades to a worker over a channel of bounded size. When the channel
// is full the loop blocks, and TCP holds the gateway back: memory stays flat and no record is lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
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
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols))
	if err := errors.Join(err, client.Connect(gateway, port), client.Start()); err != nil {
		return err
	}
	// docs: queue
	queue := make(chan dbn.TradeMsg, 256)
	volume := make(chan uint64)
	go func() {
		var sum uint64
		for trade := range queue {
			sum += uint64(trade.Size) // whatever takes its time
		}
		volume <- sum
	}()
	for record, failure := range client.Records(context.Background()) {
		if err = failure; err != nil {
			break
		}
		if trade, ok := dbn.As[dbn.TradeMsg](record); ok {
			queue <- *trade // a copy; blocks while the queue is full
		}
	}
	close(queue)
	fmt.Println("volume", <-volume)
	// docs: end
	return err
}
