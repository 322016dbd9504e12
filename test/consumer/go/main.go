// Command consumer is a program of another module that uses the package: it connects to
// the gateway named by its arguments (host, port, dataset, schema) and counts records.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: consumer HOST PORT DATASET SCHEMA")
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	schema, err := dbn.ParseSchema(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	if err := run(os.Args[1], port, os.Args[3], schema); err != nil {
		log.Fatal(err)
	}
}

func run(host string, port int, dataset string, schema dbn.Schema) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		return err
	}
	defer client.Close()

	trades, others := 0, 0
	var end error
	client.Handle(dbnloop.Handlers{
		Trade:  func(*dbn.TradeMsg) { trades++ },
		Record: func(dbn.Record) { others++ },
		Error: func(err error) {
			end = err
			reactor.Stop()
		},
	})
	if _, err := client.Subscribe(dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols)); err != nil {
		return err
	}
	if err := client.Connect(host, port); err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := reactor.Run(ctx); err != nil {
		return err
	}
	if !errors.Is(end, dbnloop.ErrConnectionClosed) {
		return end
	}
	fmt.Printf("%d trades, %d other records\n", trades, others)
	if trades == 0 {
		return errors.New("no trade came")
	}
	return nil
}
