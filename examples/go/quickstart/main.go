// Command quickstart prints live trades as they arrive.
//
// The key is read from DATABENTO_API_KEY. With -gateway and -port it reads from a simulator.
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

// docs: run
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
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6", "NQZ6"))
	if err := errors.Join(err, client.Connect(gateway, port), client.Start()); err != nil {
		return err
	}
	for record, err := range client.Records(context.Background()) {
		if err != nil {
			return err
		}
		if trade, ok := dbn.As[dbn.TradeMsg](record); ok {
			fmt.Println(trade.Hd.InstrumentID, trade.Price, trade.Size)
		}
	}
	return nil
}

// docs: end
