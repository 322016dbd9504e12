package log

import (
	"bytes"
	"reflect"
	"testing"
)

func follow(t testing.TB, l *Log, from uint64) *Follower {
	t.Helper()
	f, err := l.Follow(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// expect reads messages of the schema trades, whose records are known.
func expect(t testing.TB, f *Follower, first uint64, batches ...[]byte) {
	t.Helper()
	for i, want := range batches {
		m, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Sequence != first+uint64(i) || !bytes.Equal(m.Records, want) {
			t.Fatalf("message %d is %+v, want number %d with %x", i, m, first+uint64(i), want)
		}
	}
}

func TestAFollowerIsHandedWhatThisProcessWrites(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	f := follow(t, l, 0)
	if !f.AtEnd() {
		t.Fatal("an empty log has more")
	}
	w, _ := writer(t, l, "trades", "status")
	var fed []*Message
	for at := range 5 {
		appendAll(t, w, "trades", trades(at+1, at+2))
		appendAll(t, w, "status", statuses(at+1))
		for range 2 {
			m, err := f.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fed = append(fed, m)
		}
	}
	if f.reader != nil {
		t.Error("the log is read, although this process writes it")
	}
	for i, m := range read(t, l, 1, len(fed)) {
		if !reflect.DeepEqual(fed[i], m) {
			t.Errorf("message %d was handed over as %+v, and the log has %+v", m.Sequence, fed[i].Batch, m.Batch)
		}
	}
}

// Another process may write before, between and after the writers of this one.
func TestAFollowerMissesNothingWhoeverWrites(t *testing.T) {
	s := open(t, t.TempDir())
	l, other := openLog(t, s), openLog(t, s)
	f := follow(t, l, 0)
	next := 1
	for round := range 3 {
		for _, by := range []*Log{other, l} {
			w, _ := writer(t, by, "trades")
			var batches [][]byte
			for range 3 {
				batches = append(batches, trades(next, round))
				next++
			}
			appendAll(t, w, "trades", batches...)
			w.Close()
			expect(t, f, uint64(next-3), batches...)
		}
	}
}

func TestAFollowerThatFallsBackReadsTheLog(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	w, _ := writer(t, l, "trades")
	f := follow(t, l, 0)
	appendAll(t, w, "trades", trades(1))
	expect(t, f, 1, trades(1))
	for n := range 2 {
		var batches [][]byte
		for at := range feedMessages + 10 {
			batches = append(batches, trades(at))
		}
		appendAll(t, w, "trades", batches...)
		if len(f.fed) > feedMessages {
			t.Fatalf("%d messages wait", len(f.fed))
		}
		expect(t, f, uint64(2+n*len(batches)), batches...)
	}
	appendAll(t, w, "trades", trades(7))
	expect(t, f, uint64(2+2*(feedMessages+10)), trades(7))
	if f.reader != nil {
		t.Error("the follower has caught up, and still reads")
	}
}

func TestAFollowerThatComesLateIsHandedWhatFollows(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	w, _ := writer(t, l, "trades")
	appendAll(t, w, "trades", trades(1), trades(2)) // for nobody
	f := follow(t, l, 2)
	if f.AtEnd() {
		t.Fatal("a message is left")
	}
	expect(t, f, 2, trades(2))
	appendAll(t, w, "trades", trades(3))
	expect(t, f, 3, trades(3))
	if f.reader != nil {
		t.Error("the log is read, although this process writes it")
	}
}

// A message that is on its way to the log while a follower comes is not for that one, which does not wait for another.
func TestAFollowerThatComesBeforeAnAcknowledgementReadsTheLog(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	w, _ := writer(t, l, "trades")
	appendAll(t, w, "trades", trades(1)) // for nobody
	f := follow(t, l, 1)
	l.feed.last = 0 // as before the acknowledgement
	if m, willBe := f.given(); m != nil || !willBe {
		t.Fatalf("it was given %v, and does not wait for what will be acknowledged", m)
	}
	l.feed.add(w, 1, nil)
	select {
	case <-f.news:
	default:
		t.Fatal("nobody tells it that the message is in the log")
	}
	expect(t, f, 1, trades(1))
}
