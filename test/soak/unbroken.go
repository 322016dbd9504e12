package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

const (
	// tick is how often the market moves.
	tick = 10 * time.Millisecond
	// rate is how many records happen in a tick, on average.
	rate = 200
	// patience is how long a stream may lack records that have happened.
	patience = time.Minute
)

// unbroken is one stream of a market, of many sessions and many clients, each of which begins at
// the position of the one before. When all of the market has come, another round begins.
type unbroken struct {
	w       *world
	sims    *sims
	name    string
	program string
	market  exchange.Market
	files   []string
	skips   bool // the gateway skips records for a slow reader

	venue    *venue
	c        *dbnloop.ContinuousClient
	audit    *exchange.Audit
	more     bool // the market has not ended
	checking bool // everything came: the last replay must bring nothing new
	done     bool
	came     time.Time // when the latest record came
	trouble  int       // ticks until the next one
	restart  int       // ticks until the next client

	records, bytes, pauses    uint64
	breaks, restarts, rounds  uint64
	replayed, dropped, faults uint64
	gaps                      uint64 // that were reported, and filled
}

func (u *unbroken) fail(format string, args ...any) {
	u.w.fail("%s: round %d, record %d: %s", u.name, u.rounds+1, u.audit.Records, fmt.Sprintf(format, args...))
}

// begin begins a round.
func (u *unbroken) begin() error {
	venue, err := u.sims.openVenue(u.program, u.files)
	if err != nil {
		return err
	}
	u.venue, u.audit = venue, u.market.Audit()
	u.more, u.checking, u.done, u.came = true, false, false, time.Now()
	u.trouble, u.restart = u.soon(), u.soon()
	return u.open(nil)
}

// soon is some ticks.
func (u *unbroken) soon() int { return 1 + u.w.random.IntN(20) }

// open makes a client that begins at a position; nil: with the market.
func (u *unbroken) open(position []byte) error {
	random := u.w.random
	live := []dbnloop.LiveOption{dbnloop.WithDataset(exchange.Dataset), dbnloop.WithHeartbeat(5*time.Second, 5*time.Second)}
	if random.IntN(2) == 0 {
		live = append(live, dbnloop.WithCompression(dbn.CompressionZstd))
	}
	if random.IntN(2) == 0 {
		live = append(live, dbnloop.WithTsOut())
	}
	if u.skips {
		live = append(live, dbnloop.WithSlowReader(dbn.SlowReaderBehaviorSkip))
	}
	c, err := dbnloop.NewContinuousClient(u.w.reactor, sim.TestKey, dbnloop.WithLive(live...),
		dbnloop.WithGateway(u.venue.host, u.venue.port), dbnloop.WithBackoff(time.Millisecond, 50*time.Millisecond),
		dbnloop.WithReplayLimit(50*365*24*time.Hour), dbnloop.WithMemory(64<<10<<random.IntN(3)))
	if err != nil {
		return err
	}
	u.c = c
	c.Handle(dbnloop.Handlers{
		Record:     func(r dbn.Record) { u.record(c, r) },
		Continuity: func(e dbnloop.ContinuityEvent) { u.continuity(c, e) },
		Error:      func(err error) { u.onError(c, err) },
	})
	for _, s := range u.market.Streams {
		subscription := dbnloop.NewSubscription(exchange.Dataset, s.Schema, dbn.AllSymbols)
		subscription.HasStart, subscription.Start = true, exchange.Start
		if _, err := c.Subscribe(subscription); err != nil {
			return err
		}
	}
	if position != nil {
		if err := c.ResumeFrom(position); err != nil {
			return err
		}
	}
	return c.Start()
}

func (u *unbroken) record(c *dbnloop.ContinuousClient, r dbn.Record) {
	if c != u.c || c.IsPaused() || u.done {
		u.fail("a record while the client is paused, or after its end")
		return
	}
	had := u.audit.Records
	if err := u.audit.Add(r); err != nil {
		u.fail("%v", err)
		return
	}
	if u.audit.Records == had {
		return // a message
	}
	u.came = time.Now()
	u.records++
	u.bytes += uint64(len(r.Bytes()))
	if u.w.random.IntN(5000) == 0 {
		u.pause(c)
	}
}

// pause makes a slow reader.
func (u *unbroken) pause(c *dbnloop.ContinuousClient) {
	u.pauses++
	c.Pause()
	u.w.later(time.Duration(u.w.random.IntN(100))*time.Millisecond, func() {
		if c == u.c {
			c.Resume()
		}
	})
}

func (u *unbroken) continuity(c *dbnloop.ContinuousClient, e dbnloop.ContinuityEvent) {
	switch e.Kind {
	case dbnloop.Reconnecting:
		u.breaks++
	case dbnloop.Recovered:
		u.replayed += e.Replayed
		u.dropped += e.Dropped
	case dbnloop.CaughtUp:
		u.done = u.checking
	case dbnloop.Gap:
		// A replay that ends before the gateway has said that it skipped records of it contradicts
		// what was handed out. The report then fills the gap.
		if u.gaps++; !u.skips || e.Gap != dbnloop.GapContradiction {
			u.fail("%+v", e)
		}
	case dbnloop.Price:
		u.fail("%+v", e)
	}
}

// onError continues after a Stop.
func (u *unbroken) onError(c *dbnloop.ContinuousClient, err error) {
	if c != u.c || !errors.Is(err, dbnloop.ErrCancelled) && !(u.w.unreliable && isNetworks(err)) {
		u.fail("%v", err)
		return
	}
	if err := c.Start(); err != nil {
		u.fail("Start after Stop: %v", err)
	}
}

// tick moves the market, and sees to it that something happens.
func (u *unbroken) tick() {
	if err := u.turn(); err != nil {
		u.fail("%v", err)
	}
}

func (u *unbroken) turn() (err error) {
	random := u.w.random
	switch {
	case u.w.err != nil:
		return nil
	case u.done:
		return u.again()
	case u.more:
		if u.more, err = u.venue.advance(1 + random.IntN(2*rate)); err != nil {
			return err
		}
	case u.audit.Left == 0 && !u.checking:
		u.checking = true
		if err := u.venue.behave(0); err != nil {
			return err
		}
		_, err = u.venue.ask("reset")
		return err
	}
	if time.Since(u.came) > patience {
		return fmt.Errorf("no record for %v, %d are due; state %v, paused %v", patience, u.audit.Left, u.c.State(), u.c.IsPaused())
	}
	if u.checking || u.c.State() != dbnloop.StreamLive && random.IntN(8) > 0 {
		return nil // or the stream would hardly ever be complete
	}
	if u.trouble--; u.trouble == 0 {
		u.trouble = u.soon()
		if err := u.cause(); err != nil {
			return err
		}
	}
	if u.restart--; u.restart == 0 {
		u.restart = 2 * u.soon()
		return u.replace()
	}
	return nil
}

// cause breaks the session now, or prepares the break of the next one.
func (u *unbroken) cause() error {
	random := u.w.random
	if random.IntN(3) > 0 {
		if err := u.venue.misbehave(u.fault()); err != nil {
			return err
		}
	}
	if random.IntN(3) == 0 {
		return nil
	}
	_, err := u.venue.ask("reset")
	return err
}

// fault is a misbehaviour of the next connection: somewhere in its handshake, in its replay, or
// when it is live.
func (u *unbroken) fault() string {
	random := u.w.random
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	records := random.IntN(1 << random.IntN(14))
	end := pick("reset", "close", "half-close")
	stage := pick("connect", "greeting", "challenge", "auth", "answer", "request", "start")
	if !u.skips {
		stage = pick(stage, stage, "request2", "request5")
	}
	ms := 1 + random.IntN(60)
	switch random.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("%s=%d,on=1", end, records)
	case 2:
		return fmt.Sprintf("%s=%db,on=1", end, random.IntN(1<<(4+random.IntN(16))))
	case 3:
		return fmt.Sprintf("%s=%s,on=1-2", end, stage)
	case 4:
		return fmt.Sprintf("stall=%d,%dms,on=1", records, ms)
	case 5:
		return fmt.Sprintf("stall=%s,%dms,on=1", stage, ms)
	case 6:
		return fmt.Sprintf("refuse=%d,%dms,on=1", records, ms)
	case 7:
		return fmt.Sprintf("cut-record=%d,on=1", records)
	}
	if u.skips {
		return fmt.Sprintf("slow-reader=%d,%d,on=1", records, 1+random.IntN(100))
	}
	return fmt.Sprintf("%s=%d,on=1", pick("slow-warning", "slow-reader", "skipped", "error-close"), records)
}

// replace continues with another client, as another process would, or with the same one after a
// Stop.
func (u *unbroken) replace() error {
	u.restarts++
	if u.w.random.IntN(3) == 0 {
		return u.c.Stop()
	}
	position, err := u.c.Position()
	if err != nil {
		return err
	}
	if err := u.c.Close(); err != nil {
		return err
	}
	return u.open(position)
}

// again ends a round, and begins another one.
func (u *unbroken) again() error {
	if err := u.audit.Complete(); err != nil {
		return err
	}
	u.rounds++
	if err := u.end(); err != nil {
		return err
	}
	return u.begin()
}

// end closes the client and the simulator.
func (u *unbroken) end() error {
	err := errors.Join(u.venue.behave(0), u.c.Close())
	u.faults += uint64(u.venue.fired)
	u.venue.close(u.sims)
	return err
}

func (u *unbroken) String() string {
	return fmt.Sprintf("%s: %d records, %d rounds complete, %d breaks, %d faults, %d restarts, %d pauses, %d replayed, %d dropped, %d gaps reported and filled",
		u.name, u.records, u.rounds, u.breaks, u.faults, u.restarts, u.pauses, u.replayed, u.dropped, u.gaps)
}
