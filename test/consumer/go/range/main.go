// Command range writes the bytes of a historical range's records.
// Usage: range URL CA_FILE DATASET SCHEMA SYMBOLS START END
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strconv"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal("range: ", err)
	}
}

func run(args []string) error {
	if len(args) != 7 {
		return errors.New("seven arguments are needed")
	}
	schema, err := dbn.ParseSchema(args[3])
	if err != nil {
		return err
	}
	start, err := strconv.ParseUint(args[5], 10, 64)
	if err != nil {
		return err
	}
	end, err := strconv.ParseUint(args[6], 10, 64)
	if err != nil {
		return err
	}
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewHistoricalClient(reactor, os.Getenv("DATABENTO_API_KEY"),
		dbnloop.WithURL(args[0]), dbnloop.WithCAFile(args[1]))
	if err != nil {
		return err
	}
	defer client.Close()
	r := dbnloop.NewHistoricalRequest(args[2], schema, dbn.UnixNanos(start), dbn.UnixNanos(end), args[4])
	if err := client.Request(r); err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	for record, err := range client.Records(context.Background()) {
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(record.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
