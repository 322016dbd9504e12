package dbnloop_test

import (
	"strconv"

	"errors"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

func TestFieldsThatCannotMeanAnythingAreRefused(t *testing.T) {
	r := newReactor(t)
	live, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	hist := newHistorical(t, r)
	say := func(what string, err, want error, mentions string) {
		t.Helper()
		if !errors.Is(err, want) || !strings.Contains(err.Error(), mentions) {
			t.Errorf("%s: %v, want %v with %q", what, err, want, mentions)
		}
	}
	replay := dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6")
	replay.Start = 1_700_000_000_000_000_000
	_, err = live.Subscribe(replay)
	say("Start without HasStart", err, dbnloop.ErrInvalidArgument, "HasStart")
	for _, symbols := range [][]string{{"ESZ6"}, {"5122", "NQZ6"}, {"ES.FUT"}, {"-1"}, {"4294967296"}, {""}} {
		_, err = live.Subscribe(dbnloop.Subscription{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: symbols})
		say("names as ids, live", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		rng := dbnloop.HistoricalRequest{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: symbols, Start: 1, End: 2, StypeOut: dbn.STypeRawSymbol}
		say("names as ids, a range", hist.Request(rng), dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.Cost(t.Context(), rng)
		say("names as ids, a cost", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.SubmitJob(t.Context(), dbnloop.BatchRequest{Range: rng})
		say("names as ids, a job", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.StartDownload(dbnloop.DownloadRequest{Range: rng, Path: t.TempDir() + "/f"}, func(dbnloop.DownloadResult, error) {})
		say("names as ids, a download", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.Resolve(t.Context(), dataset, symbols, dbn.STypeInstrumentID, dbn.STypeRawSymbol, "2026-11-15", "")
		say("names as ids, resolved", err, dbnloop.ErrInvalidSymbol, "StypeIn")
	}
	both := dbnloop.DownloadRequest{URLPath: "/v0/batch/download/a/b/c", Range: dbnloop.NewHistoricalRequest(dataset, dbn.SchemaTrades, 1, 2, "ESZ6"), Path: t.TempDir() + "/f"}
	_, err = hist.StartDownload(both, func(dbnloop.DownloadResult, error) {})
	say("a download of two things", err, dbnloop.ErrInvalidArgument, "URLPath")
	for _, good := range []dbnloop.Subscription{
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{"5122", "0", "4294967295"}},
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{dbn.AllSymbols}},
		dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "7203"), // a raw symbol may be a number
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{"5122"}, HasStart: true},
	} {
		if _, err := live.Subscribe(good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

func TestErrors(t *testing.T) {
	r := newReactor(t)
	t.Run("key form", func(t *testing.T) {
		const key = "db-secretsecret"
		_, err := dbnloop.NewLiveClient(r, key)
		if !errors.Is(err, dbnloop.ErrInvalidAPIKey) || strings.Contains(err.Error(), key) {
			t.Errorf("%v", err)
		}
	})
	t.Run("options", func(t *testing.T) {
		for name, o := range map[string]dbnloop.LiveOption{
			"heartbeat":                dbnloop.WithHeartbeat(4*time.Second, 0),
			"heartbeat, long":          dbnloop.WithHeartbeat(1801*time.Second, 0),
			"heartbeat, in fractions":  dbnloop.WithHeartbeat(5500*time.Millisecond, 0),
			"heartbeat, negative":      dbnloop.WithHeartbeat(-time.Second, 0),
			"heartbeat, far too long":  dbnloop.WithHeartbeat((math.MaxInt32+20)*time.Second, 0),
			"heartbeat, in 2^32 and 9": dbnloop.WithHeartbeat((1<<32+9)*time.Second, 0),
			"buffer":                   dbnloop.WithBufferSize(1),
			"policy":                   dbnloop.WithUpgradePolicy(9),
			"agent":                    dbnloop.WithUserAgent("a|b"),
		} {
			if _, err := dbnloop.NewLiveClient(r, sim.TestKey, o); !errors.Is(err, dbnloop.ErrInvalidArgument) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		key := "db-wrongwrongwrongwrongwrong0000"
		gw := simtest.Gateway(t, sim.Config{})
		c, err := dbnloop.NewLiveClient(r, key, dbnloop.WithDataset(dataset))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect(gw.Host(), gw.Port())
		err = runUntilError(t, r, c, dbnloop.Handlers{})
		if !errors.Is(err, dbnloop.ErrAuthFailed) || strings.Contains(err.Error(), key) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{})
		host, port := gw.Host(), gw.Port()
		gw.Close()
		c, _ := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithDataset(dataset))
		defer c.Close()
		c.Connect(host, port)
		err := runUntilError(t, r, c, dbnloop.Handlers{})
		if !errors.Is(err, dbnloop.ErrConnectionFailed) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a symbol that breaks the protocol", func(t *testing.T) {
		c, _ := dbnloop.NewLiveClient(r, sim.TestKey)
		defer c.Close()
		for _, s := range []string{"", "a|b", "a\nb", "a,b"} {
			if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, s)); !errors.Is(err, dbnloop.ErrInvalidSymbol) {
				t.Errorf("%q: %v", s, err)
			}
		}
		if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, 999, "ES")); !errors.Is(err, dbnloop.ErrInvalidSchema) {
			t.Errorf("%v", err)
		}
	})
}

func TestVersionNamesAgree(t *testing.T) {
	// The names of all codes are the C++ library's.
	for code := range dbnloop.CodeChecksumMismatch + 1 {
		if name := code.String(); strings.Contains(name, "(") {
			t.Errorf("code %s has no name", strconv.Itoa(int(code)))
		}
	}
}
