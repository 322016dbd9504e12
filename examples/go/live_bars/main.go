// Command live_bars prints a one-minute bar of each instrument when its minute is over.
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
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	flag.Parse()
	if err := run(*gateway, *port); err != nil {
		log.Fatal(err)
	}
}

// docs: bar
type bar struct {
	minute                 time.Time
	open, high, low, close dbn.Price
	volume                 uint64
}

// add adds a trade. It returns the bar before it when the trade begins a new one.
func (b *bar) add(t *dbn.TradeMsg) (done bar) {
	if minute := t.TsRecv.Time().Truncate(time.Minute); minute != b.minute {
		done = *b
		*b = bar{minute: minute, open: t.Price, high: t.Price, low: t.Price}
	}
	b.high, b.low, b.close = max(b.high, t.Price), min(b.low, t.Price), t.Price
	b.volume += uint64(t.Size)
	return done
}

// docs: end

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
	bars := map[uint32]*bar{}
	symbols := dbn.NewPitSymbolMap()
	for record, err := range client.Records(context.Background()) {
		if err != nil {
			return err
		}
		symbols.OnRecord(record)
		if t, ok := dbn.As[dbn.TradeMsg](record); ok {
			id := t.Hd.InstrumentID
			if bars[id] == nil {
				bars[id] = &bar{}
			}
			if b := bars[id].add(t); b.volume > 0 {
				symbol, _ := symbols.Symbol(id)
				fmt.Println(b.minute.Format(time.RFC3339), symbol, b.open, b.high, b.low, b.close, b.volume)
			}
		}
	}
	return nil
}
