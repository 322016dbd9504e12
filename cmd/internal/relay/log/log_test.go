package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/dbn"
)

const dataset = "GLBX.MDP3"

// open opens a store in a directory, until the test ends or close is called.
func open(t testing.TB, directory string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Server: &embed.Server{Directory: directory}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func openLog(t testing.TB, s *Store) *Log {
	t.Helper()
	l, err := s.Log(t.Context(), dataset)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func writer(t testing.TB, l *Log, schemas ...string) (*Writer, *Tail) {
	t.Helper()
	tail, err := l.Tail(t.Context(), schemas)
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWriter(tail, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, tail
}

// trades are records of one instrument, at these times.
func trades(times ...int) []byte {
	var records []byte
	for _, at := range times {
		m := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: dbn.UnixNanos(at)}, TsRecv: dbn.UnixNanos(at + 5)}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

func statuses(times ...int) []byte {
	var records []byte
	for _, at := range times {
		m := dbn.StatusMsg{Hd: dbn.RecordHeader{Length: 10, RType: dbn.RTypeStatus, InstrumentID: 2, TsEvent: dbn.UnixNanos(at)}, TsRecv: dbn.UnixNanos(at)}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

func appendAll(t testing.TB, w *Writer, schema string, batches ...[]byte) {
	t.Helper()
	for _, records := range batches {
		if err := w.Append(schema, records, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if size, messages := w.Pending(); size != 0 || messages != 0 {
		t.Fatalf("%d bytes and %d messages are pending after all were acknowledged", size, messages)
	}
}

func read(t testing.TB, l *Log, from uint64, n int, schemas ...string) (messages []*Message) {
	t.Helper()
	r, err := l.Read(t.Context(), from, schemas...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range n {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

func TestALogIsReadAsItWasWrittenAlsoAfterARestart(t *testing.T) {
	directory := t.TempDir()
	s := open(t, directory)
	l := openLog(t, s)
	w, tail := writer(t, l, "trades", "status")
	if tail.Sequence != 0 || tail.Position != nil || tail.Residue != nil {
		t.Fatalf("the tail of an empty log is %+v", tail)
	}
	w.Begin(100)
	first, second, third := trades(100, 103, 101), statuses(90), trades(102, 110)
	appendAll(t, w, "trades", first)
	appendAll(t, w, "status", second)
	if err := w.Append("trades", third, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(l *Log) {
		t.Helper()
		got := read(t, l, 0, 3)
		for i, want := range []struct {
			schema       string
			records      []byte
			before, high dbn.UnixNanos
			previous     uint64
		}{{"trades", first, 99, 103, 0}, {"status", second, 103, 103, 0}, {"trades", third, 103, 110, 1}} {
			m := got[i]
			if m.Sequence != uint64(i+1) || m.Schema != want.schema || !bytes.Equal(m.Records, want.records) ||
				m.Before != want.before || m.High != want.high || m.Previous != want.previous || m.Cut != (i < 2) {
				t.Errorf("message %d is %+v, want %+v", i+1, m.Batch, want)
			}
		}
		if got := read(t, l, 2, 1, "trades"); got[0].Sequence != 3 {
			t.Errorf("the first trades from 2 on are message %d", got[0].Sequence)
		}
		_, tail := writer(t, l, "trades", "status")
		if tail.Sequence != 3 || tail.High != 110 || !bytes.Equal(tail.Residue, third) || len(tail.Position) == 0 {
			t.Errorf("the tail is %d, %d, %x, and a position of %d bytes", tail.Sequence, tail.High, tail.Residue, len(tail.Position))
		}
	}
	check(l)
	w.Close()
	s.Close()
	check(openLog(t, open(t, directory)))
}

func TestAReplayIsFoundByTime(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	if seq, err := l.Find(t.Context(), 0); seq != 1 || err != nil {
		t.Fatal(seq, err)
	}
	var early *TooEarlyError
	if _, err := l.Find(t.Context(), 5); !errors.As(err, &early) || !strings.Contains(err.Error(), "is empty") {
		t.Fatalf("in an empty log: %v", err)
	}
	w, _ := writer(t, l, "trades")
	w.Begin(100)
	// The third batch is late as a whole, the fourth only in part.
	appendAll(t, w, "trades", trades(100, 110), trades(120), trades(105, 106), trades(119, 121), trades(121, 122))
	for start, want := range map[dbn.UnixNanos]uint64{0: 1, 100: 1, 110: 1, 111: 2, 120: 2, 121: 4, 122: 5, 123: 6} {
		if seq, err := l.Find(t.Context(), start); seq != want || err != nil {
			t.Errorf("from %d on: %d, %v, want %d", start, seq, err, want)
		}
	}
	if _, err := l.Find(t.Context(), 99); !errors.As(err, &early) || early.From != 100 {
		t.Errorf("before the beginning: %v", err)
	}
	// What was deleted cannot be replayed.
	if err := l.stream.Purge(t.Context(), jetstream.WithPurgeSequence(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Find(t.Context(), 120); !errors.As(err, &early) || early.From != 121 {
		t.Errorf("after a deletion: %v", err)
	}
	if seq, err := l.Find(t.Context(), 121); seq != 4 || err != nil {
		t.Errorf("after a deletion: %d, %v", seq, err)
	}
}

func TestTwoWritersNeverInterleave(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	one, _ := writer(t, l, "trades")
	other, _ := writer(t, l, "trades")
	appendAll(t, one, "trades", trades(1), trades(2))
	for range 3 { // the first of them is refused, and so are those that were on their way
		if err := other.Append("trades", trades(9), true); err != nil {
			break
		}
	}
	if err := other.Drain(t.Context()); !errors.Is(err, ErrOtherWriter) {
		t.Fatalf("the second writer: %v", err)
	}
	if err := other.Append("trades", trades(9), true); !errors.Is(err, ErrOtherWriter) {
		t.Fatalf("after it has failed: %v", err)
	}
	appendAll(t, one, "trades", trades(3))
	if first, last, err := l.Bounds(t.Context()); first != 1 || last != 3 || err != nil {
		t.Fatal(first, last, err)
	}
}

func TestADirectoryHasOneServer(t *testing.T) {
	directory := t.TempDir()
	s := open(t, directory)
	if _, err := Open(t.Context(), Options{Server: &embed.Server{Directory: directory}}); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Fatalf("a second server in the directory: %v", err)
	}
	s.Close()
	open(t, directory)
}

func TestRoomIsWhatTheDiskHasLeft(t *testing.T) {
	server := &embed.Server{Directory: t.TempDir()}
	s, err := Open(t.Context(), Options{Server: server, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	l := openLog(t, s)
	if err := l.Room(); err != nil {
		t.Error(err)
	}
	s.options.MinFree = 1 << 62
	if err := l.Room(); err == nil || !strings.Contains(err.Error(), server.Directory) || !strings.Contains(err.Error(), "log.min_free") {
		t.Errorf("less is free than wanted: %v", err)
	}
	server.Directory += "/gone"
	if err := l.Room(); err == nil {
		t.Error("a directory that is gone has room")
	}
}

func TestAForeignLogIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	l := openLog(t, s)
	config := l.stream.CachedInfo().Config
	for _, test := range []struct{ format, dataset, want string }{
		{"", "", "dbn-relay has not created it"},
		{"2", dataset, "has log format 2, and this program reads and writes format 1"},
		{fmt.Sprint(batch.Format), "GLBX-MDP3", "is the log of dataset GLBX-MDP3"},
	} {
		config.Metadata = map[string]string{metaFormat: test.format, metaDataset: test.dataset}
		if test.format == "" {
			config.Metadata = nil
		}
		if _, err := s.js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Log(t.Context(), dataset); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	if _, err := s.Log(t.Context(), "A B"); err == nil {
		t.Error("an impossible dataset has a log")
	}
	for _, options := range []Options{{}, {Server: &embed.Server{Directory: "a"}, URL: "b"}, {URL: "nats://127.0.0.1:1", Replicas: 6}, {Server: &embed.Server{Directory: "a"}, Replicas: 3}, {Server: &embed.Server{Directory: "a"}, MaxAge: -1}} {
		if _, err := Open(context.Background(), options); err == nil {
			t.Errorf("%+v is accepted", options)
		}
	}
}
