// Command historical_cost shows what a day of trades costs, and streams it if that is allowed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	most := flag.Float64("max-usd", 0, "stream a day that costs at most this")
	url := flag.String("url", "", "a simulator's URL; empty: Databento's API")
	ca := flag.String("ca", "", "the authority that the simulator's certificate needs")
	flag.Parse()
	var options []dbnloop.HistoricalOption
	if *url != "" {
		options = append(options, dbnloop.WithURL(*url), dbnloop.WithCAFile(*ca))
	}
	if err := run(*most, options...); err != nil {
		log.Fatal(err)
	}
}

// docs: run
func run(most float64, options ...dbnloop.HistoricalOption) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewHistoricalClient(reactor, os.Getenv("DATABENTO_API_KEY"), options...)
	if err != nil {
		return err
	}
	ctx := context.Background()
	sunday := dbnloop.DayRange("GLBX.MDP3", dbn.SchemaTrades, time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC), "ESZ6")

	usd, err := client.Cost(ctx, sunday) // free of charge
	if err != nil {
		return err
	}
	fmt.Println("USD", usd)
	if usd > most {
		return fmt.Errorf("the range costs USD %v, which is more than %v", usd, most)
	}
	if err := errors.Join(client.Request(sunday), client.Start()); err != nil {
		return err
	}
	trades := 0
	for record, err := range client.Records(ctx) {
		if err != nil {
			return err // what was delivered before is complete and valid
		}
		if _, ok := dbn.As[dbn.TradeMsg](record); ok {
			trades++
		}
	}
	fmt.Println(trades, "trades")
	return nil
}

// docs: end
