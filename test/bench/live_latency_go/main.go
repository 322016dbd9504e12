// Program live_latency_go is what test/bench/live_latency measures as "Go"; see there for its
// arguments and its output.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// counts is how often each latency occurred, in nanoseconds that are rounded up as
// LatencyBuckets does: at most 3.2 % more.
type counts map[int64]int

func (c counts) add(nanos int64) {
	nanos = max(nanos, 0)
	if shift := bits.Len64(uint64(nanos|1)) - 6; shift > 0 {
		nanos |= 1<<shift - 1
	}
	c[nanos]++
}

func (c counts) print(out *bufio.Writer) {
	values := make([]int64, 0, len(c))
	for nanos := range c {
		values = append(values, nanos)
	}
	slices.Sort(values)
	fmt.Fprint(out, len(values))
	for _, nanos := range values {
		fmt.Fprintf(out, " %d:%d", nanos, c[nanos])
	}
	fmt.Fprintln(out)
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: live_latency_go PORT wait|spin")
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	var opts []dbnloop.ReactorOption
	if os.Args[2] == "spin" {
		opts = append(opts, dbnloop.WithSpin(time.Second))
	}
	reactor, err := dbnloop.NewReactor(opts...)
	if err != nil {
		return err
	}
	defer reactor.Close()
	client, err := dbnloop.NewLiveClient(reactor, "db-benchbenchbenchbenchbench0000", dbnloop.WithTsOut())
	if err != nil {
		return err
	}
	defer client.Close()
	due, sent := counts{}, counts{}
	if _, err := client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)); err != nil {
		return err
	}
	if err := client.Connect("127.0.0.1", port); err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	// Until the sender closes the connection.
	for batch, err := range client.Batches(context.Background()) {
		if errors.Is(err, dbnloop.ErrConnectionClosed) {
			break
		}
		if err != nil {
			return err
		}
		now := time.Now().UnixNano()
		for run := range batch.Runs() {
			for _, record := range dbnloop.RunWithTsOut[dbn.MboMsg](run) {
				due.add(now - int64(record.Rec.TsRecv))
				sent.add(now - int64(record.TsOut))
			}
		}
	}
	out := bufio.NewWriter(os.Stdout)
	due.print(out)
	sent.print(out)
	return out.Flush()
}
