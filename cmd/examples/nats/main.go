// Command nats counts the trades of each symbol in the log of dbn-relay, and prints them when it has that many. A
// durable consumer continues where it was; what was counted in an earlier life is not counted again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/dbnnats"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	url := flag.String("nats", nats.DefaultURL, "the NATS servers")
	durable := flag.String("durable", "", "name of a consumer that continues where it was; empty: from the first trade that is kept")
	limit := flag.Int("trades", 1000, "end after this many")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *url, *durable, *limit); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, durable string, limit int) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	// docs: source
	source, err := dbnnats.Open(ctx, js, "GLBX.MDP3", dbnnats.Options{
		Schemas: []dbn.Schema{dbn.SchemaTrades},
		Durable: durable,
	})
	if err != nil {
		return err
	}
	defer source.Close()
	ctx, done := context.WithCancel(ctx)
	defer done()
	symbols, counts, total := map[uint32]string{}, map[string]int{}, 0
	err = source.Run(ctx, &dbnloop.Handlers{
		SymbolMapping: func(m *dbn.SymbolMappingMsg) { symbols[m.Hd.InstrumentID] = m.StypeOutSymbolString() },
		Trade: func(m *dbn.TradeMsg) {
			counts[symbols[m.Hd.InstrumentID]]++
			if total++; total == limit {
				done() // the records of this message are still delivered
			}
		},
	})
	// docs: end
	if !errors.Is(err, context.Canceled) {
		return err
	}
	for _, symbol := range slices.Sorted(maps.Keys(counts)) {
		fmt.Println(symbol, counts[symbol])
	}
	return nil
}
