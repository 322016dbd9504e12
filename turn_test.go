package dbnloop_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// many writes one file of records and opens it that often. All of the clients are ready at once.
func many(t *testing.T, r *dbnloop.Reactor, clients, records int, h func(client int) dbnloop.Handlers, options ...dbnloop.FileOption) {
	t.Helper()
	content, err := (&dbn.Metadata{Version: dbn.Version, Dataset: dataset, Schema: dbn.SchemaTrades}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trades.dbn")
	if err := os.WriteFile(path, append(content, someTrades(records)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		c := newFileSource(t, r, path, options...)
		c.Handle(h(i))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// A turn gathers about 64 events. Of 300 clients the others have theirs in the next turns, in order.
func TestATurnGathersABoundedNumberOfEvents(t *testing.T) {
	const clients, mostEvents, each = 300, 64, 3 // metadata, records, end
	r := newReactor(t)
	got := make([]int, clients)
	complete := 0
	many(t, r, clients, 2, func(client int) dbnloop.Handlers {
		return dbnloop.Handlers{
			TradeRun: func(run []dbn.TradeMsg) { got[client] += len(run) },
			Complete: func() { complete++ },
		}
	})
	turns := 0
	for complete < clients {
		n, err := r.Poll(-1)
		if err != nil {
			t.Fatal(err)
		}
		if n > mostEvents+each {
			t.Fatalf("a turn of %d events", n)
		}
		turns++
	}
	for i, n := range got {
		if n != 2 {
			t.Errorf("client %d: %d records", i, n)
		}
	}
	if turns < clients/(mostEvents+each) {
		t.Errorf("%d turns", turns)
	}
}

// A turn ends with the client whose records complete 1 MiB.
func TestATurnGathersABoundedNumberOfBytes(t *testing.T) {
	const clients, records, size, enough, piece = 32, 10_000, 48, 1 << 20, 64 << 10
	r := newReactor(t)
	got := make([]int, clients)
	inTurn, complete := 0, 0
	many(t, r, clients, records, func(client int) dbnloop.Handlers {
		return dbnloop.Handlers{
			TradeRun: func(run []dbn.TradeMsg) {
				got[client] += len(run)
				inTurn += len(run) * size
			},
			Complete: func() { complete++ },
		}
	}, dbnloop.WithBufferSize(piece))
	most := 0
	for complete < clients {
		inTurn = 0
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
		most = max(most, inTurn)
	}
	if most >= enough+piece || most < enough {
		t.Errorf("a turn of %d bytes", most)
	}
	for i, n := range got {
		if n != records {
			t.Errorf("client %d: %d records", i, n)
		}
	}
}
