// Command two_sources reads a file and a live session on one loop, into the same handler.
// Usage: two_sources [-gateway HOST -port PORT] FILE
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
	if err := run(flag.Arg(0), *gateway, *port); err != nil {
		log.Fatal(err)
	}
}

func run(path, gateway string, port int) error {
	// docs: sources
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	file, err := dbnloop.NewFileSource(reactor, path)
	if err != nil {
		return err
	}
	live, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		return err
	}
	trades, running := 0, 2
	end := func() {
		if running--; running == 0 {
			reactor.Stop()
		}
	}
	handlers := dbnloop.Handlers{
		TradeRun: func(run []dbn.TradeMsg) { trades += len(run) },
		Complete: end,                                         // of the file
		Error:    func(err error) { log.Println(err); end() }, // of either
	}
	file.Handle(handlers)
	live.Handle(handlers)
	// docs: end

	_, err = live.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols))
	if err := errors.Join(err, live.Connect(gateway, port), live.Start(), file.Start()); err != nil {
		return err
	}
	if err := reactor.Run(context.Background()); err != nil {
		return err
	}
	fromFile, fromLive := file.Stats(), live.Stats()
	fmt.Println("file:", fromFile.Count(dbn.RTypeMbp0), "live:", fromLive.Count(dbn.RTypeMbp0), "both:", trades)
	return nil
}
