// Command file_bars prints one-minute bars of DBN files of trades, as CSV, without cgo.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	fmt.Println("minute,symbol,open,high,low,close,volume")
	for _, path := range os.Args[1:] {
		if err := printBars(path); err != nil {
			log.Fatalf("%s: %v", path, err)
		}
	}
}

type key struct {
	minute dbn.UnixNanos
	symbol string
}

type bar struct {
	open, high, low, close dbn.Price
	volume                 uint64
}

// docs: file
func printBars(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file) // plain or zstd
	if err != nil {
		return err
	}
	defer decoder.Close()
	symbols, err := dbn.TsSymbolMapOf(decoder.Metadata())
	if err != nil {
		return err
	}
	bars := map[key]*bar{}
	for {
		record, err := decoder.Next() // valid until the next call
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if t, ok := dbn.As[dbn.TradeMsg](record); ok {
			symbol, _ := symbols.SymbolOf(record)
			k := key{t.TsRecv - t.TsRecv%dbn.UnixNanos(time.Minute), symbol}
			if bars[k] == nil {
				bars[k] = &bar{open: t.Price, high: t.Price, low: t.Price}
			}
			b := bars[k]
			b.high, b.low, b.close = max(b.high, t.Price), min(b.low, t.Price), t.Price
			b.volume += uint64(t.Size)
		}
	}
	// docs: end
	byTime := func(a, b key) int { return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.symbol, b.symbol)) }
	for _, k := range slices.SortedFunc(maps.Keys(bars), byTime) {
		b := bars[k]
		fmt.Printf("%v,%s,%v,%v,%v,%v,%d\n", k.minute, k.symbol, b.open, b.high, b.low, b.close, b.volume)
	}
	return nil
}
