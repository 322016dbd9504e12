// Command top_of_book prints the best bid and offer of each symbol, once a second and at the end,
// until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *gateway, *port); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, gateway string, port int) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		return err
	}
	// docs: handlers
	symbols := map[uint32]string{}
	tops := map[uint32]dbn.BidAskPair{}
	var ended error
	client.Handle(dbnloop.Handlers{
		SymbolMapping: func(m *dbn.SymbolMappingMsg) { symbols[m.Hd.InstrumentID] = m.StypeOutSymbolString() },
		Mbp1:          func(m *dbn.Mbp1Msg) { tops[m.Hd.InstrumentID] = m.Levels[0] },
		SessionEvent:  func(e dbnloop.SessionEvent) { log.Println(e.Kind, e.Message) },
		Error:         func(err error) { ended = err; reactor.Stop() },
	})
	print := func() {
		for id, top := range tops {
			fmt.Println(symbols[id], top.BidSz, "@", top.BidPx, top.AskPx, "@", top.AskSz)
		}
	}
	_, err = reactor.Every(time.Second, print)
	// docs: end
	if err != nil {
		return err
	}
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbp1, "ESZ6", "NQZ6"))
	if err := errors.Join(err, client.Connect(gateway, port), client.Start()); err != nil {
		return err
	}
	// docs: shutdown
	err = reactor.Run(ctx) // until the session ends, or until ctx does
	if ended == nil {
		client.Stop() // in order: the Error handler receives ErrCancelled when it is done
		err = reactor.Run(context.Background())
	}
	print()
	// docs: end
	if errors.Is(ended, dbnloop.ErrCancelled) {
		return err
	}
	return ended
}
