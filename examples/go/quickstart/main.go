// Command quickstart prints live trades as they arrive.
//
// The key is read from DATABENTO_API_KEY. With -gateway and -port it reads from a simulator.
package main

import (
	"context"
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

	// docs: session
	reactor, err := dbnloop.NewReactor()
	check(err)
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	check(err)
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6", "NQZ6"))
	check(err)
	check(client.Connect(*gateway, *port))
	check(client.Start())
	for record, err := range client.Records(context.Background()) {
		check(err)
		if trade, ok := dbn.As[dbn.TradeMsg](record); ok {
			fmt.Println(trade.Hd.InstrumentID, trade.Price, trade.Size)
		}
	}
	// docs: end
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
