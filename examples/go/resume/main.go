// Command resume counts trades across its own restarts: the count and the stream's position are kept
// in one file. SIGINT and SIGTERM end it in order.
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
	"os/signal"
	"syscall"
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
	if err := run(flag.Arg(0), options); err != nil {
		log.Fatal(err)
	}
}

func run(file string, options []dbnloop.ContinuousOption) error {
	// docs: resume
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewContinuousClient(reactor, os.Getenv("DATABENTO_API_KEY"), options...)
	if err != nil {
		return err
	}
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"))
	var state saved
	if err := errors.Join(err, state.load(file, client)); err != nil {
		return err
	}
	ended := false
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) { state.Trades++ },
		Error: func(err error) {
			log.Print(err)
			ended = true
			reactor.Stop()
		},
	})
	_, err = reactor.Every(10*time.Second, func() { // for a kill, or a loss of power
		if err := state.store(file, client); err != nil {
			log.Print(err)
		}
	})
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := errors.Join(err, client.Start()); err != nil {
		return err
	}
	err = reactor.Run(ctx) // until a signal, or the end of the stream
	if !ended {
		// In order: what had been sent is still handed out, then the error handler is called.
		err = errors.Join(client.Stop(), reactor.Run(context.Background()))
	}
	err = errors.Join(err, state.store(file, client))
	// docs: end
	fmt.Println(state.Trades, "trades")
	return err
}
