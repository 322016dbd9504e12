package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

// world is everything on the reactor.
type world struct {
	reactor *dbnloop.Reactor
	random  *rand.Rand
	records uint64 // in the data
	// unreliable is the network: streams may break off anywhere.
	unreliable bool
	actors     []*actor
	streams    []*unbroken
	writers    []*killed
	err        error
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.reactor.Stop()
	}
}

// client is what the three kinds have in common.
type client interface {
	Handle(dbnloop.Handlers)
	Pause()
	Resume()
	IsPaused() bool
	Close() error
	Stats() dbnloop.Stats
}

// actor uses one client, over and over: stream, pause, cut, begin again.
type actor struct {
	w       *world
	name    string
	c       client
	begin   func() error // another stream
	cut     func()       // ends the present one, by the user; nil: never done
	loops   bool         // the data repeats within a stream
	endsAt  uint64       // records of a stream that ends of its own accord; 0: it continues
	atLeast uint64       // of a stream that breaks off somewhere
	allowed []error      // how it may end of its own accord; none: it completes

	next    uint64 // order id that is due
	got     uint64 // records of this stream
	ended   bool   // by the user: nothing may come any more
	streams uint64
	total   uint64
	bytes   uint64
	pauses  uint64
	breaks  uint64 // by the network
}

// each is the handler of runs of records.
func (a *actor) each(run []dbn.MboMsg) {
	if a.ended || a.c.IsPaused() {
		a.w.fail("%s: records while it is paused or ended", a.name)
		return
	}
	for i := range run {
		if run[i].OrderID != a.next {
			a.w.fail("%s: stream %d: record %d came where %d was due", a.name, a.streams, run[i].OrderID, a.next)
			return
		}
		a.next++
		if a.next == a.w.records && a.loops {
			a.next = 0
		}
	}
	a.got += uint64(len(run))
	a.total += uint64(len(run))
	a.bytes += uint64(len(run)) * uint64(run[0].Hd.Length) * 4
	switch dice := a.w.random.IntN(1000); {
	case dice < 8:
		a.pause()
	case dice < 9 && a.cut != nil:
		a.ended = true
		a.cut()
		a.again()
	}
}

func (a *actor) pause() {
	a.pauses++
	a.c.Pause()
	stream := a.streams
	a.w.later(time.Duration(a.w.random.IntN(30))*time.Millisecond, func() {
		if stream == a.streams && a.c.IsPaused() {
			a.c.Resume()
		}
	})
}

func (w *world) later(d time.Duration, f func()) {
	if _, err := w.reactor.AfterFunc(d, f); err != nil {
		w.fail("timer: %v", err)
	}
}

// again begins another stream after a while.
func (a *actor) again() {
	a.w.later(time.Duration(a.w.random.IntN(20))*time.Millisecond, a.start)
}

func (a *actor) start() {
	a.streams++
	a.next, a.got, a.ended = 0, 0, false
	if a.c.IsPaused() {
		a.c.Resume()
	}
	if err := a.begin(); err != nil {
		a.w.fail("%s: begin: %v", a.name, err)
	}
}

func (a *actor) onError(err error) {
	if a.ended {
		return // the user's Stop
	}
	if a.w.unreliable && isNetworks(err) {
		a.breaks++
		a.again()
		return
	}
	for _, allowed := range a.allowed {
		if !errors.Is(err, allowed) {
			continue
		}
		if a.got != a.endsAt && a.endsAt != 0 || a.got < a.atLeast {
			a.w.fail("%s: %d records came before the end, %d were due: %v", a.name, a.got, max(a.endsAt, a.atLeast), err)
		}
		a.again()
		return
	}
	a.w.fail("%s: stream %d after %d records: %v", a.name, a.streams, a.got, err)
}

// isNetworks tells what a network can do to a connection.
func isNetworks(err error) bool {
	for _, code := range []error{
		dbnloop.ErrConnectionFailed, dbnloop.ErrConnectionClosed, dbnloop.ErrTimeout,
		dbnloop.ErrHeartbeatTimeout, dbnloop.ErrTLSHandshake, dbnloop.ErrAuthFailed,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

func (a *actor) onComplete() {
	if len(a.allowed) > 0 || a.got != a.endsAt {
		a.w.fail("%s: complete with %d records of %d", a.name, a.got, a.endsAt)
	}
	a.again()
}

func (a *actor) close() error { return a.c.Close() }

func (w *world) add(a *actor) {
	a.w = w
	a.c.Handle(dbnloop.Handlers{MboRun: a.each, Error: a.onError, Complete: a.onComplete})
	w.actors = append(w.actors, a)
}

func (w *world) start() error {
	for _, a := range w.actors {
		a.start()
	}
	for _, u := range w.streams {
		if err := u.begin(); err != nil {
			return err
		}
		if _, err := w.reactor.Every(tick, u.tick); err != nil {
			return err
		}
	}
	return nil
}

// write runs the writers until the context ends. Their first failure ends everything.
func (w *world) write(ctx context.Context) (wait func()) {
	var writers sync.WaitGroup
	for _, k := range w.writers {
		writers.Go(func() {
			if err := k.run(ctx); err != nil {
				w.reactor.Post(func() { w.fail("%v", err) })
			}
		})
	}
	return writers.Wait
}

func (w *world) close() {
	for _, a := range w.actors {
		if err := a.close(); err != nil {
			w.fail("close: %v", err)
		}
	}
	for _, u := range w.streams {
		if err := u.end(); err != nil {
			w.fail("%s: close: %v", u.name, err)
		}
		fmt.Println("soak:", u)
	}
}

// stopWhenEnough ends the run once every actor has done something, for which a busy machine may need
// longer, or when the time is over.
func (w *world) stopWhenEnough(most time.Duration) {
	const interval = 100 * time.Millisecond
	if w.err != nil || w.idle() == nil || most <= 0 {
		w.reactor.Stop()
		return
	}
	if _, err := w.reactor.AfterFunc(interval, func() { w.stopWhenEnough(most - interval) }); err != nil {
		w.fail("%v", err)
		w.reactor.Stop()
	}
}

// enough reports actors that did nothing.
func (w *world) enough() error {
	if idle := w.idle(); idle != nil {
		return fmt.Errorf("too little happened: %v", idle)
	}
	return nil
}

// idle returns an actor that has done nothing yet, or nil. Writers may still run, so that
// only their atomic counter is read.
func (w *world) idle() any {
	for _, a := range w.actors {
		if a.total == 0 {
			return a.name
		}
	}
	for _, u := range w.streams {
		if u.records == 0 || u.breaks == 0 || u.restarts == 0 {
			return u
		}
	}
	for _, k := range w.writers {
		if k.kills.Load() == 0 {
			return k
		}
	}
	return nil
}

// addUnbroken adds the streams and captures that survive their sessions.
func (w *world) addUnbroken(s *sims, dir string, o options) error {
	market := exchange.New(w.random, int(w.records/4))
	files, err := market.Write(dir)
	if err != nil {
		return err
	}
	for _, u := range []unbroken{
		{name: "unbroken", market: market},
		{name: "unbroken, with skipped records", market: market.Only(dbn.SchemaMbp1), skips: true},
	} {
		u.w, u.sims, u.program, u.files = w, s, o.program, files
		w.streams = append(w.streams, &u)
	}
	for i, name := range []string{"capture.dbn", "capture.dbn.zst"} {
		w.writers = append(w.writers, &killed{
			sims: s, random: rand.New(rand.NewPCG(o.seed, uint64(i)+2)), program: o.tail, sim: o.program,
			market: market, files: files, path: filepath.Join(dir, name),
		})
	}
	return nil
}

func (w *world) populate(s *sims, data files) error {
	for i, g := range s.gateways {
		compression := dbn.CompressionNone
		if i%2 == 1 {
			compression = dbn.CompressionZstd
		}
		if err := w.addLive(g, compression); err != nil {
			return err
		}
	}
	for _, h := range []struct {
		name, url, ca string
		a             actor
	}{
		{"historical", s.url, s.ca, actor{endsAt: w.records}},
		{"historical, cut", s.cutURL, s.cutCA, actor{allowed: []error{dbnloop.ErrConnectionClosed, dbnloop.ErrHTTP}, atLeast: 1}},
	} {
		a := h.a
		a.name = h.name
		if err := w.addHistorical(&a, h.url, h.ca); err != nil {
			return err
		}
	}
	for _, path := range []string{data.plain, data.zstd} {
		c, err := dbnloop.NewFileSource(w.reactor, path)
		if err != nil {
			return err
		}
		a := &actor{name: "file " + path[len(path)-4:], c: c, begin: c.Start, endsAt: w.records, allowed: nil}
		a.cut = func() { c.Stop() } //nolint:errcheck // it is streaming
		w.add(a)
	}
	return nil
}

func (w *world) addLive(g gateway, compression dbn.Compression) error {
	options := []dbnloop.LiveOption{dbnloop.WithDataset(dataset), dbnloop.WithCompression(compression)}
	if w.unreliable { // a gateway that was cut off is silent
		options = append(options, dbnloop.WithHeartbeat(5*time.Second, 5*time.Second))
	}
	c, err := dbnloop.NewLiveClient(w.reactor, sim.TestKey, options...)
	if err != nil {
		return err
	}
	a := &actor{name: "live " + g.fault, c: c, loops: true, endsAt: g.cutAt, cut: func() { c.Stop() }} //nolint:errcheck // it is streaming
	switch g.fault {
	case "reset":
		// What the gateway's socket still held is lost with it.
		a.endsAt, a.atLeast, a.allowed = 0, 1, []error{dbnloop.ErrConnectionClosed}
	case "close", "half-close":
		a.allowed = []error{dbnloop.ErrConnectionClosed}
	case "cut-record":
		a.allowed = []error{dbnloop.ErrConnectionClosed}
	}
	a.begin = func() error {
		_, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, symbol))
		return errors.Join(err, c.Connect(g.host, g.port), c.Start())
	}
	w.add(a)
	return nil
}

func (w *world) addHistorical(a *actor, url, ca string) error {
	var options []dbnloop.HistoricalOption
	if w.unreliable {
		options = append(options, dbnloop.WithResponseTimeout(10*time.Second), dbnloop.WithIdleTimeout(10*time.Second))
	}
	c, err := openHistorical(w.reactor, url, ca, options...)
	if err != nil {
		return err
	}
	a.c, a.begin = c, c.Start
	a.cut = func() { c.Stop() } //nolint:errcheck // it is streaming
	w.add(a)
	return c.Request(wholeRange(w.records))
}

func openHistorical(r *dbnloop.Reactor, url, ca string, more ...dbnloop.HistoricalOption) (*dbnloop.HistoricalClient, error) {
	options := append(more, dbnloop.WithURL(url), dbnloop.WithCAFile(ca), dbnloop.WithProxy(""))
	return dbnloop.NewHistoricalClient(r, sim.TestKey, options...)
}

func wholeRange(records uint64) dbnloop.HistoricalRequest {
	return dbnloop.NewHistoricalRequest(dataset, dbn.SchemaMbo, epoch, epoch+dbn.UnixNanos(records*step), symbol)
}
