// Command strategy runs a small strategy on live trades. Its test runs it against a simulator that
// misbehaves.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/dbnloop/dbnloop"
)

func main() {
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	flag.Parse()
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		log.Fatal(err)
	}
	defer reactor.Close()
	var s strategy
	if err := session(reactor, &s, os.Getenv("DATABENTO_API_KEY"), *gateway, *port); err != nil {
		log.Fatal(err)
	}
	if err := reactor.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("position", s.position, "after", s.err)
}
