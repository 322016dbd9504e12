// Command chaos kills a relay, its NATS server and its consumers at random for a while, cuts its sessions and fills its
// disk, and compares every record that the log and the consumers have with what was sent. It prints the seed.
//
//	make relay-chaos T=900
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/chaos"
)

func main() {
	chaos.Main()
	seconds := flag.Int("t", 60, "seconds")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random choices")
	relay := flag.String("relay", "build/bin/dbn-relay", "the relay")
	events := flag.Int("events", 0, "orders that change in a round (default 150000)")
	takeovers := flag.Int("takeovers", 0, "instead: kill the writing one of two relays on a cluster of three servers so often")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("chaos: %d s, seed %d\n", *seconds, *seed)
	o := chaos.Options{
		Relay:    func(args ...string) *exec.Cmd { return exec.Command(*relay, args...) },
		Seed:     *seed,
		Duration: time.Duration(*seconds) * time.Second, Events: *events, Kills: *takeovers, Out: os.Stdout,
	}
	var report fmt.Stringer
	var err error
	if *takeovers > 0 {
		report, err = chaos.Takeovers(ctx, o)
	} else {
		report, err = chaos.Run(ctx, o)
	}
	fmt.Println("chaos:", report)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("chaos: ok")
}
