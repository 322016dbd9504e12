package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// consumers are clients on one reactor, which a goroutine of their own turns.
type consumers struct {
	records atomic.Int64
	cancel  context.CancelFunc
	done    sync.WaitGroup
	err     error
}

// consume connects clients to a gateway, one for each subscription. take is called on the goroutine of all.
func consume(address, key string, subscriptions []dbnloop.Subscription, take func([]dbn.MboMsg)) (*consumers, error) {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return nil, err
	}
	c := &consumers{}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	var open []*dbnloop.LiveClient
	for _, s := range subscriptions {
		client, err := dbnloop.NewLiveClient(reactor, key)
		if err != nil {
			return nil, err
		}
		open = append(open, client)
		client.Handle(dbnloop.Handlers{
			MboRun: func(run []dbn.MboMsg) {
				c.records.Add(int64(len(run)))
				if take != nil {
					take(run)
				}
			},
			Error: func(err error) {
				if ctx.Err() == nil {
					c.err = err
					cancel()
				}
			},
		})
		if _, err := client.Subscribe(s); err != nil {
			return nil, err
		}
		if err := client.Connect(host, port); err != nil {
			return nil, err
		}
		if err := client.Start(); err != nil {
			return nil, err
		}
	}
	c.done.Go(func() {
		reactor.Run(ctx) //nolint:errcheck // it ends when it is cancelled
		for _, client := range open {
			client.Close() //nolint:errcheck // it was measured
		}
		reactor.Close() //nolint:errcheck // likewise
	})
	return c, nil
}

// close ends the clients, and returns what has gone wrong with them.
func (c *consumers) close() error {
	c.cancel()
	c.done.Wait()
	return c.err
}

// all is the subscription to everything.
func all() dbnloop.Subscription {
	return dbnloop.NewSubscription(dataset, dbn.SchemaMbo, dbn.AllSymbols)
}

// market is a simulator with a relay of it, and a rate at which records come.
type market struct {
	gateway *sim.Gateway
	relay   *process
	sent    int
}

// open starts both, and waits until the relay knows the instruments.
func (s *settings) open(name string) (*market, error) {
	directory, err := s.log(name)
	if err != nil {
		return nil, err
	}
	_, records := stream(10 * instruments)
	m := &market{}
	if m.gateway, err = sim.NewGateway(sim.Config{Sources: []sim.Source{records}}); err != nil {
		return nil, err
	}
	if m.relay, err = s.startRelay(m.gateway.Addr(), directory, "all"); err != nil {
		m.gateway.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return m, m.relay.awaitBytes(int64(10*instruments*recordSize), nil)
}

func (m *market) close() {
	m.relay.end()     //nolint:errcheck // it was measured
	m.gateway.Close() //nolint:errcheck // likewise
}

// send pushes records at a rate, each with the time at which it is sent, for a time.
func (m *market) send(rate int, lasting time.Duration, each func()) (records int, err error) {
	const interval = time.Millisecond
	buffer := make([]dbn.MboMsg, 0, rate)
	begin := time.Now()
	second := begin
	for {
		time.Sleep(interval)
		now := time.Now()
		if now.Sub(begin) > lasting {
			return records, nil
		}
		due := min(int(now.Sub(begin).Seconds()*float64(rate))-records, cap(buffer))
		buffer = buffer[:due]
		for i := range buffer {
			fill(&buffer[i], m.sent+i, dbn.UnixNanosOf(now))
		}
		if due > 0 {
			if _, err := m.gateway.Push(bytesOf(buffer)); err != nil {
				return records, err
			}
		}
		m.sent, records = m.sent+due, records+due
		if each != nil && now.Sub(second) >= time.Second {
			second = now
			each()
		}
	}
}

// await waits until a number has come, or nothing has for a while.
func await(number func() int64, want int64) error {
	last, since := int64(-1), time.Now()
	for range time.Tick(10 * time.Millisecond) {
		n := number()
		switch {
		case n >= want:
			return nil
		case n != last:
			last, since = n, time.Now()
		case time.Since(since) > 20*time.Second:
			return fmt.Errorf("%d records have come, and %d were sent", n, want)
		}
	}
	return nil
}
