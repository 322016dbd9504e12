package dbnloop_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const (
	idES = 4916
	idNQ = 5122
)

// client creates a client that subscribes to the symbols of a schema, without connecting.
func client(t *testing.T, r *dbnloop.Reactor, schema dbn.Schema, symbols ...string) *dbnloop.LiveClient {
	t.Helper()
	c, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, schema, symbols...)); err != nil {
		t.Fatal(err)
	}
	return c
}

// effective describes the set, one line for each request.
func effective(t *testing.T, c *dbnloop.LiveClient) string {
	t.Helper()
	requests, err := c.Subscriptions()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range requests {
		if s := r.Subscription; r.ID != 0 {
			fmt.Fprintf(&b, "+%d %s %s %s %s\n", r.ID, s.Dataset, s.Schema, s.StypeIn, strings.Join(s.Symbols, " "))
		} else {
			u := r.Unsubscription
			fmt.Fprintf(&b, "- %s %s %s\n", u.Schema, u.StypeIn, strings.Join(u.Symbols, " "))
		}
	}
	return b.String()
}

// restore makes the requests of an effective set.
func restore(t *testing.T, c *dbnloop.LiveClient, requests []dbnloop.EffectiveRequest) {
	t.Helper()
	for _, r := range requests {
		var err error
		if r.ID != 0 {
			_, err = c.Subscribe(r.Subscription)
		} else {
			err = c.Unsubscribe(r.Unsubscription)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What was unsubscribed before the start never arrives, and neither in the next session when
// the effective set is restored in the Error handler.
func TestUnsubscribe(t *testing.T) {
	_, trades := simtest.SampleFile(t, "trades")
	byName := dbnloop.NewUnsubscription("", dbn.SchemaTrades, "NQZ6")
	byParent := dbnloop.Unsubscription{Dataset: dataset, Schema: dbn.SchemaTrades, StypeIn: dbn.STypeParent, Symbols: []string{"NQ.FUT"}}
	byID := dbnloop.Unsubscription{Schema: dbn.SchemaTrades, Symbols: []string{fmt.Sprint(idNQ)}}
	for _, test := range []struct {
		name    string
		symbols string
		without dbnloop.Unsubscription
		want    string // the effective set
	}{
		{"one of two", "ESZ6 NQZ6", byName, "+1 GLBX.MDP3 trades raw_symbol ESZ6\n"},
		{"one of all", dbn.AllSymbols, byName, "+1 GLBX.MDP3 trades raw_symbol ALL_SYMBOLS\n- trades raw_symbol NQZ6\n"},
		{"by parent", dbn.AllSymbols, byParent, "+1 GLBX.MDP3 trades raw_symbol ALL_SYMBOLS\n- trades parent NQ.FUT\n"},
		{"by id", dbn.AllSymbols, byID, "+1 GLBX.MDP3 trades raw_symbol ALL_SYMBOLS\n- trades instrument_id 5122\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := simtest.Pick(trades, func(r dbn.Record) bool {
				id := r.Header().InstrumentID
				return id != idNQ && (id == idES || test.symbols == dbn.AllSymbols)
			})
			gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
			r := newReactor(t)
			c := client(t, r, dbn.SchemaTrades, strings.Fields(test.symbols)...)
			if err := errors.Join(c.Unsubscribe(test.without), c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
				t.Fatal(err)
			}
			var restored []dbnloop.EffectiveRequest
			for range 2 {
				var got []dbn.TradeMsg
				acks := 0
				reason := runUntilError(t, r, c, dbnloop.Handlers{
					Trade: func(m *dbn.TradeMsg) { got = append(got, *m) },
					SessionEvent: func(e dbnloop.SessionEvent) {
						if e.Kind == dbnloop.UnsubscribeAck {
							acks++
							if !e.HasSchema || e.Schema != dbn.SchemaTrades || e.SubscriptionID != 0 {
								t.Errorf("%+v", e)
							}
						}
					},
					Error: func(error) {
						if set := effective(t, c); set != test.want {
							t.Errorf("in the Error handler:\n%s", set)
						}
						var err error
						if restored, err = c.Subscriptions(); err != nil {
							t.Error(err)
						}
					},
				})
				if !errors.Is(reason, dbnloop.ErrConnectionClosed) || acks > 1 {
					t.Errorf("%d acknowledgements, then %v", acks, reason)
				}
				if string(simtest.RecordBytes(got)) != string(want) {
					t.Errorf("%d trades are not those that are still subscribed", len(got))
				}
				restore(t, c, restored)
				if set := effective(t, c); set != test.want {
					t.Errorf("restored:\n%s", set)
				}
				if err := errors.Join(c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// After the acknowledgement nothing of what was unsubscribed arrives, wherever the call is made.
func TestUnsubscribeInHandlersAndWhilePaused(t *testing.T) {
	for _, test := range []struct {
		name   string
		paused bool
	}{{"in a handler", false}, {"while paused", true}} {
		t.Run(test.name, func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{Passes: sim.Forever})
			r := newReactor(t)
			c := client(t, r, dbn.SchemaTrades, dbn.AllSymbols)
			asked, acked, after, others := false, false, 0, 0
			ask := func() {
				asked = true
				if err := c.Unsubscribe(dbnloop.NewUnsubscription(dataset, dbn.SchemaTrades, "NQZ6")); err != nil {
					t.Error(err)
				}
			}
			c.Handle(dbnloop.Handlers{
				Trade: func(m *dbn.TradeMsg) {
					switch {
					case !asked && test.paused:
						c.Pause()
						ask()
					case !asked:
						ask()
					case acked && m.Hd.InstrumentID == idNQ:
						after++
					case acked:
						others++
					}
				},
				SessionEvent: func(e dbnloop.SessionEvent) { acked = acked || e.Kind == dbnloop.UnsubscribeAck },
				Error:        func(err error) { t.Error(err) },
			})
			if err := errors.Join(c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
				t.Fatal(err)
			}
			polled(t, r, func() bool { return asked })
			c.Resume()
			polled(t, r, func() bool { return others > 1000 })
			if after != 0 {
				t.Errorf("%d records after the acknowledgement", after)
			}
			if c.State() != dbnloop.Streaming {
				t.Errorf("%s", c.State())
			}
		})
	}
}

// Whatever was subscribed and unsubscribed, in whichever order: a session that restores the
// effective set gets the same records.
func TestTheEffectiveSetLeadsToTheSameRecords(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	random := rand.New(rand.NewPCG(2026, 11))
	names := map[dbn.SType][]string{
		dbn.STypeRawSymbol:    {"ESZ6", "NQZ6", "CLF7", "GCG7", "NOSUCH"},
		dbn.STypeParent:       {"ES.FUT", "NQ.FUT", "CL.FUT"},
		dbn.STypeInstrumentID: {fmt.Sprint(idES), fmt.Sprint(idNQ), "1"},
		dbn.STypeContinuous:   {"ES.c.0", "NQ.c.0"},
	}
	some := func(stype dbn.SType) []string {
		all := slices.Clone(names[stype])
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:1+random.IntN(len(all))]
	}
	// records runs a session to its end.
	records := func(c *dbnloop.LiveClient) string {
		t.Helper()
		if err := errors.Join(c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
			t.Fatal(err)
		}
		var got []dbn.TradeMsg
		runUntilError(t, r, c, dbnloop.Handlers{
			Trade: func(m *dbn.TradeMsg) { got = append(got, *m) },
			SessionEvent: func(e dbnloop.SessionEvent) {
				if e.Code == dbn.ErrorCodeInvalidSubscription {
					t.Errorf("the gateway refused what the client sent: %s", e.Message)
				}
			},
		})
		return string(simtest.RecordBytes(got))
	}
	exceptions, different := 0, map[string]bool{}
	for round := range 60 {
		// A definition keeps the session subscribed to something, so that it ends.
		c := client(t, r, dbn.SchemaDefinition, "ESZ6")
		coarse := random.IntN(3) > 0
		var log []string
		for range 2 + random.IntN(8) {
			if random.IntN(2) == 0 {
				s := dbnloop.NewSubscription(dataset, dbn.SchemaTrades, some(dbn.STypeRawSymbol)...)
				switch n := random.IntN(4); {
				case coarse && n == 0:
					s.Symbols = []string{dbn.AllSymbols}
				case coarse && n == 1:
					s.StypeIn, s.Symbols = dbn.STypeContinuous, some(dbn.STypeContinuous)
				}
				log = append(log, fmt.Sprintf("+ %s %v", s.StypeIn, s.Symbols))
				if _, err := c.Subscribe(s); err != nil {
					t.Fatal(err)
				}
				continue
			}
			stype := []dbn.SType{dbn.STypeRawSymbol, dbn.STypeParent, dbn.STypeInstrumentID}[random.IntN(3)]
			u := dbnloop.Unsubscription{Schema: dbn.SchemaTrades, StypeIn: stype, Symbols: some(stype)}
			err := c.Unsubscribe(u)
			log = append(log, fmt.Sprintf("- %s %v: %v", u.StypeIn, u.Symbols, err != nil))
		}
		set := effective(t, c)
		want := records(c)
		requests, err := c.Subscriptions()
		if err != nil {
			t.Fatal(err)
		}
		restore(t, c, requests)
		if got := records(c); got != want {
			t.Errorf("round %d: other records after\n%s\nwith the set\n%s", round, strings.Join(log, "\n"), set)
		}
		exceptions += strings.Count(set, "- ")
		different[want] = true
		c.Close()
	}
	if exceptions < 20 || len(different) < 8 {
		t.Errorf("%d exceptions and %d results: the rounds are too much alike", exceptions, len(different))
	}
}

func TestUnsubscribeRefusals(t *testing.T) {
	c := client(t, newReactor(t), dbn.SchemaTrades, "ESZ6")
	named := dbnloop.NewUnsubscription
	for _, test := range []struct {
		name    string
		request dbnloop.Unsubscription
		want    error
	}{
		{"no symbols", named(dataset, dbn.SchemaTrades), dbnloop.ErrInvalidSymbol},
		{"a list as one symbol", named(dataset, dbn.SchemaTrades, "ESZ6,NQZ6"), dbnloop.ErrInvalidSymbol},
		{"all and one", named(dataset, dbn.SchemaTrades, "ESZ6", dbn.AllSymbols), dbnloop.ErrInvalidSymbol},
		{"a name for an id", dbnloop.Unsubscription{Schema: dbn.SchemaTrades, Symbols: []string{"ESZ6"}}, dbnloop.ErrInvalidSymbol},
		{"another dataset", named("XNAS.ITCH", dbn.SchemaTrades, "ESZ6"), dbnloop.ErrInvalidDataset},
		{"an unknown schema", named(dataset, 200, "ESZ6"), dbnloop.ErrInvalidSchema},
		{"a schema that was never subscribed", named(dataset, dbn.SchemaMbo, "ESZ6"), dbnloop.ErrInvalidState},
		{"another symbology", dbnloop.Unsubscription{Schema: dbn.SchemaTrades, Symbols: []string{"7"}}, dbnloop.ErrInvalidArgument},
		{"an impossible symbology", dbnloop.Unsubscription{Schema: dbn.SchemaTrades, StypeIn: dbn.STypeContinuous, Symbols: []string{"ES.c.0"}}, dbnloop.ErrInvalidArgument},
	} {
		if err := c.Unsubscribe(test.request); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if set := effective(t, c); set != "+1 GLBX.MDP3 trades raw_symbol ESZ6\n" {
		t.Errorf("the set has changed: %s", set)
	}
	c.Close()
	if _, err := c.Subscriptions(); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Subscriptions after Close: %v", err)
	}
	if err := c.Unsubscribe(named(dataset, dbn.SchemaTrades, "ESZ6")); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Unsubscribe after Close: %v", err)
	}
}

// A set holds every field of its requests.
func TestSubscriptionsReturnsWhatWasAskedFor(t *testing.T) {
	c := client(t, newReactor(t), dbn.SchemaTrades, "A", "B", "C")
	replay := dbnloop.NewSubscription("", dbn.SchemaTrades, "D")
	replay.HasStart, replay.Start = true, 7
	book := dbnloop.NewSubscription("", dbn.SchemaMbo, dbn.AllSymbols)
	book.Snapshot = true
	for _, s := range []dbnloop.Subscription{replay, book} {
		if _, err := c.Subscribe(s); err != nil {
			t.Fatal(err)
		}
	}
	taken := dbnloop.Unsubscription{Schema: dbn.SchemaMbo, StypeIn: dbn.STypeInstrumentID, Symbols: []string{"5", "6"}}
	if err := errors.Join(c.Unsubscribe(dbnloop.NewUnsubscription(dataset, dbn.SchemaTrades, "B", "X")), c.Unsubscribe(taken)); err != nil {
		t.Fatal(err)
	}
	got, err := c.Subscriptions()
	if err != nil {
		t.Fatal(err)
	}
	want := []dbnloop.EffectiveRequest{
		{ID: 1, Subscription: dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "A", "C")},
		{ID: 2, Subscription: replay},
		{ID: 3, Subscription: book},
		{Unsubscription: taken},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
