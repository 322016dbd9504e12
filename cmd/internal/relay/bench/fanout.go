package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// measureFanOut lets a market run with more and more consumers. Of each ten, one takes everything, three take ten of the
// hundred instruments, and six take one.
func measureFanOut(s *settings) error {
	m, err := s.open("fanout")
	if err != nil {
		return err
	}
	defer m.close()
	for text := range strings.SplitSeq(s.consumers, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count < 0 {
			return fmt.Errorf("consumers %q: want numbers with commas between", s.consumers)
		}
		var subscriptions []dbnloop.Subscription
		share := 0 // hundredths of the records, of all
		for i := range count {
			s, of := filtered(i)
			subscriptions = append(subscriptions, s)
			share += of
		}
		c, err := consume(m.relay.first, consumerKey, subscriptions, nil)
		if err != nil {
			return err
		}
		time.Sleep(500*time.Millisecond + time.Duration(count)*10*time.Millisecond) // all sessions are there
		came := c.records.Load()
		// The number of records in a measurement is a multiple of the instruments only nearly, so a few are allowed for.
		cpu := m.relay.cpu()
		var memory samples
		records, err := m.send(s.rate, time.Duration(s.seconds)*time.Second, func() { memory.add(m.relay) })
		if err != nil {
			return err
		}
		cpu = m.relay.cpu() - cpu
		want := int64(records) * int64(share) / instruments
		if err := await(func() int64 { return c.records.Load() - came }, want-int64(count*instruments)); err != nil {
			return fmt.Errorf("%d consumers: %w", count, err)
		}
		got := c.records.Load() - came
		if err := c.close(); err != nil {
			return fmt.Errorf("%d consumers: %w", count, err)
		}
		each := 0.0
		if got > 0 {
			each = float64(cpu.Nanoseconds()) / float64(got)
		}
		row(fmt.Sprintf("fan-out, %d consumers", count), "%.0f records/s in  %9.0f out  %.2f cores  %5.0f CPU ns a record out  %s",
			float64(records)/float64(s.seconds), float64(got)/float64(s.seconds), cpu.Seconds()/float64(s.seconds), each, &memory)
	}
	return nil
}

// filtered is the subscription of a consumer, and how many instruments it has.
func filtered(i int) (dbnloop.Subscription, int) {
	switch i % 10 {
	case 0:
		return all(), instruments
	case 1, 2, 3:
		var symbols []string
		for j := range 10 {
			symbols = append(symbols, symbol((i+10*j)%instruments+1))
		}
		return dbnloop.NewSubscription(dataset, dbn.SchemaMbo, symbols...), len(symbols)
	}
	return dbnloop.NewSubscription(dataset, dbn.SchemaMbo, symbol(i%instruments+1)), 1
}
