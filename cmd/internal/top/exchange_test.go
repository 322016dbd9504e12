package top

import (
	"log/slog"
	"testing"
	"time"
)

// Two goroutines pass snapshots. One that is read is never written to.
func TestASnapshotStandsStillWhileItIsRead(t *testing.T) {
	const last = 5_000
	x := newExchange()
	made := make(map[*Snapshot]bool) // of the maker
	go func() {
		for n := uint64(1); n <= last; n++ {
			s := x.next()
			made[s] = true
			s.Records = n
			s.Lines = append(s.Lines[:0], Line{Volume: n}, Line{Volume: n})
			x.publish(s)
		}
	}()
	var held *Snapshot
	for before := uint64(0); before < last; {
		<-x.fresh
		s := x.take(held)
		if s == nil {
			continue // it was taken with the one before
		}
		held = s
		if s.Records <= before || s.Lines[0].Volume != s.Records || s.Lines[1].Volume != s.Records {
			t.Fatalf("after %d: %+v", before, s)
		}
		before = s.Records
	}
	if len(made) > 3 {
		t.Errorf("%d snapshots were made", len(made))
	}
}

func TestSnapshotsTakeASmallPartOfTheTime(t *testing.T) {
	now := time.Unix(0, 0)
	calls := 0
	f := newFeed(nil, slog.LevelInfo)
	f.clock = func() time.Time {
		calls++
		if calls%2 == 0 { // a snapshot takes a tenth of a second
			now = now.Add(100 * time.Millisecond)
		}
		return now
	}
	made := 0
	for range 1000 {
		if f.publish(""); f.take(nil) != nil {
			made++
		} else {
			calls-- // no snapshot, and the clock was not asked a second time
			now = now.Add(tick)
		}
	}
	if took, total := time.Duration(made)*100*time.Millisecond, now.Sub(time.Unix(0, 0)); made < 10 || took*share > total+2*time.Second {
		t.Errorf("%d snapshots took %v of %v", made, took, total)
	}
}

func TestAPanicOfTheSourceRestoresTheTerminalFirst(t *testing.T) {
	restored := false
	defer func() {
		if p := recover(); p != "broken" || !restored {
			t.Errorf("%v, restored: %v", p, restored)
		}
	}()
	run(newFeed(time.Now, slog.LevelInfo), func(*Feed) error { panic("broken") }, newOutcome(), func() { restored = true })
}
