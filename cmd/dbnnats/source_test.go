package dbnnats

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

const dataset = "GLBX.MDP3"

func trades(times ...int) (records []byte) {
	for _, at := range times {
		m := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: dbn.UnixNanos(at)}, TsRecv: dbn.UnixNanos(at)}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

func statuses(times ...int) (records []byte) {
	for _, at := range times {
		m := dbn.StatusMsg{Hd: dbn.RecordHeader{Length: 10, RType: dbn.RTypeStatus, InstrumentID: 1, TsEvent: dbn.UnixNanos(at)}, TsRecv: dbn.UnixNanos(at)}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

func mapping() []byte {
	m := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{Length: 44, RType: dbn.RTypeSymbolMapping, InstrumentID: 1, TsEvent: 1}}
	copy(m.StypeInSymbol[:], "ESZ6")
	copy(m.StypeOutSymbol[:], "ESZ6")
	return dbn.Ref(&m.Hd).Bytes()
}

// written is a log of five messages, and a connection to it as another program has it.
func written(t *testing.T) jetstream.JetStream {
	t.Helper()
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir(), Listen: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	l, err := store.Log(t.Context(), dataset)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := l.Tail(t.Context(), []string{"trades", "status"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWriter(tail, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	for _, b := range []struct {
		schema  string
		records []byte
	}{
		{batch.Mappings, mapping()}, {"trades", trades(10, 20, 30)}, {"status", statuses(25, 35)},
		{"trades", trades(40, 50)}, {"trades", trades(60)},
	} {
		if err := w.Append(b.schema, b.records, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := l.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(names.Put("mapping.1", mapping(), 1), names.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect("nats://" + store.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// read runs a source until a record of that time came, and returns the times of all of them.
func read(t *testing.T, js jetstream.JetStream, o Options, until int) (times []int, position uint64) {
	t.Helper()
	s, err := Open(t.Context(), js, dataset, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	symbols := 0
	take := func(at dbn.UnixNanos) {
		times = append(times, int(at))
		if int(at) >= until {
			cancel()
		}
	}
	err = s.Run(ctx, &dbnloop.Handlers{
		Metadata: func(m *dbn.Metadata) {
			if m.Dataset != dataset || len(times) > 0 {
				t.Errorf("metadata of %s after %d records", m.Dataset, len(times))
			}
		},
		SymbolMapping: func(m *dbn.SymbolMappingMsg) {
			if dbn.CStr(m.StypeOutSymbol[:]) == "ESZ6" {
				symbols++
			}
		},
		TradeRun: func(run []dbn.TradeMsg) {
			for i := range run {
				take(run[i].Hd.TsEvent)
			}
		},
		Status: func(m *dbn.StatusMsg) { take(m.Hd.TsEvent) },
	})
	if !errors.Is(err, context.Canceled) || symbols == 0 {
		t.Errorf("%v after %d symbols", err, symbols)
	}
	return times, s.Position()
}

func TestRecordsOfTheLog(t *testing.T) {
	js := written(t)
	for name, test := range map[string]struct {
		options Options
		want    []int
	}{
		"all":                 {Options{}, []int{10, 20, 30, 25, 35, 40, 50, 60}},
		"one schema":          {Options{Schemas: []dbn.Schema{dbn.SchemaTrades}}, []int{10, 20, 30, 40, 50, 60}},
		"from a time":         {Options{Start: time.Unix(0, 30)}, []int{30, 35, 40, 50, 60}},
		"between two records": {Options{Start: time.Unix(0, 41)}, []int{50, 60}},
		"after a position":    {Options{After: 3}, []int{40, 50, 60}},
		"durable":             {Options{Durable: "one"}, []int{10, 20, 30, 25, 35, 40, 50, 60}},
		"durable from a time": {Options{Durable: "two", Start: time.Unix(0, 41), Schemas: []dbn.Schema{dbn.SchemaTrades}}, []int{50, 60}},
	} {
		t.Run(name, func(t *testing.T) {
			got, position := read(t, js, test.options, 60)
			if !slices.Equal(got, test.want) || position != 5 {
				t.Errorf("%v up to message %d, want %v", got, position, test.want)
			}
		})
	}
}

func TestADurableConsumerContinuesInAnotherProcess(t *testing.T) {
	js := written(t)
	o := Options{Durable: "d", Schemas: []dbn.Schema{dbn.SchemaTrades}, AckWait: 50 * time.Millisecond}
	s, err := Open(t.Context(), js, dataset, o)
	if err != nil {
		t.Fatal(err)
	}
	var first []int
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the handler did not panic")
			}
		}()
		s.Run(t.Context(), &dbnloop.Handlers{Trade: func(m *dbn.TradeMsg) { //nolint:errcheck // it panics
			if m.Hd.TsEvent == 50 {
				panic("a crash")
			}
			first = append(first, int(m.Hd.TsEvent))
		}})
	}()
	s.Close()
	if !slices.Equal(first, []int{10, 20, 30, 40}) {
		t.Errorf("%v before the crash", first)
	}
	// The message of the crash is the first one again, and nothing overtakes it.
	if rest, _ := read(t, js, o, 60); !slices.Equal(rest, []int{40, 50, 60}) {
		t.Errorf("%v after it", rest)
	}
}

func TestASourceEndsWhenItIsClosed(t *testing.T) {
	js := written(t)
	s, err := Open(t.Context(), js, dataset, Options{New: true})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Run(context.Background(), new(dbnloop.Handlers)) }()
	s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	js := written(t)
	trades, err := Open(t.Context(), js, dataset, Options{Durable: "trades", Schemas: []dbn.Schema{dbn.SchemaTrades}})
	if err != nil {
		t.Fatal(err)
	}
	trades.Close()
	for name, test := range map[string]struct {
		dataset string
		options Options
		want    string
	}{
		"two beginnings":  {dataset, Options{After: 1, New: true}, "give one of them"},
		"no log":          {"XNAS.ITCH", Options{}, "no stream DBN_XNAS_ITCH"},
		"no dataset":      {"a b", Options{}, "letters, digits"},
		"before 1970":     {dataset, Options{Start: time.Unix(-5, 0)}, "before 1970"},
		"a negative wait": {dataset, Options{AckWait: -1}, "AckWait"},
		"a bad consumer":  {dataset, Options{Durable: "a.b"}, "consumer"},
		"other schemas":   {dataset, Options{Durable: "trades", Schemas: []dbn.Schema{dbn.SchemaStatus}}, "was made for dbn.GLBX.MDP3.symbol-mapping, dbn.GLBX.MDP3.trades, not for"},
		"all schemas":     {dataset, Options{Durable: "trades"}, "not for all schemas"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), js, test.dataset, test.options)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "dbnnats: ") {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
