package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/sim/internal/schedule"
)

// ReplayFaults are misbehaviours of intraday replays. The zero value has no fault. Records are
// counted from 1 over all those that the session's replays have to send. Whatever a replay
// leaves out or repeats, it ends with ReplayCompleted. A [FaultHandle] counts the replays in
// which anything was different.
type ReplayFaults struct {
	// OmitEvery leaves out every record whose number it divides. 0 is off.
	OmitEvery int
	// RepeatEvery sends every such record twice. 0 is off.
	RepeatEvery int
	// ReorderEvery sends every such record after the one that follows it. 0 is off.
	ReorderEvery int
	// OmitLast leaves out the last records, as many as it says. 0 is off.
	OmitLast int
	// Omit leaves out these records.
	Omit []RecordRange
	// Repeat sends each of these records twice.
	Repeat []RecordRange
	// Swap sends the records of these two numbers each in the place of the other, if there
	// are both.
	Swap [][2]int
	// CompleteEarly ends the replay after CompleteAfter records, as if it were complete. The
	// rest is never sent.
	CompleteEarly bool
	CompleteAfter int
}

// RecordRange is the records with the numbers First to Last. Last 0 is without an end.
type RecordRange struct{ First, Last int }

func (r RecordRange) holds(n int64) bool { return schedule.Within(n, r.First, r.Last) }

func within(ranges []RecordRange, n int64) bool {
	return slices.ContainsFunc(ranges, func(r RecordRange) bool { return r.holds(n) })
}

// none reports whether nothing goes wrong.
func (f *ReplayFaults) none() bool {
	return f.OmitEvery == 0 && f.RepeatEvery == 0 && f.ReorderEvery == 0 && f.OmitLast == 0 &&
		len(f.Omit) == 0 && len(f.Repeat) == 0 && len(f.Swap) == 0 && !f.CompleteEarly
}

func (f *ReplayFaults) validate() error {
	if f.OmitEvery < 0 || f.RepeatEvery < 0 || f.ReorderEvery < 0 || f.OmitLast < 0 || f.CompleteAfter < 0 {
		return errors.New("a fault of replays has a negative number")
	}
	for _, r := range slices.Concat(f.Omit, f.Repeat) {
		if r.First < 1 || r.Last < 0 || r.Last > 0 && r.Last < r.First {
			return fmt.Errorf("a fault of replays is about the records %d to %d: they count from 1", r.First, r.Last)
		}
	}
	for _, pair := range f.Swap {
		if pair[0] < 1 || pair[1] <= pair[0] {
			return fmt.Errorf("a fault of replays swaps the records %d and %d: they count from 1, the earlier one first", pair[0], pair[1])
		}
	}
	return nil
}

// replayFaultNames are what Faults.ParseFault knows of replays.
var replayFaultNames = []faultName{
	{"replay-omit", "every Nth record", setNumber(func(f *Faults) *int { return &f.Replay.OmitEvery })},
	{"replay-omit-at", "the Nth record, or N-M", addRange(func(f *Faults) *[]RecordRange { return &f.Replay.Omit })},
	{"replay-omit-last", "N records", setNumber(func(f *Faults) *int { return &f.Replay.OmitLast })},
	{"replay-repeat", "every Nth record", setNumber(func(f *Faults) *int { return &f.Replay.RepeatEvery })},
	{"replay-repeat-at", "the Nth record, or N-M", addRange(func(f *Faults) *[]RecordRange { return &f.Replay.Repeat })},
	{"replay-reorder", "every Nth record", setNumber(func(f *Faults) *int { return &f.Replay.ReorderEvery })},
	{"replay-swap", "N-M, two records", addSwap},
	{"replay-complete", "N records, the rest is never sent", setCompletion},
}

// addRange reads the numbers of some records.
func addRange(field func(*Faults) *[]RecordRange) func(*Faults, string) error {
	return func(f *Faults, value string) error {
		first, last, err := schedule.Numbers(value)
		if err == nil {
			err = schedule.Ordered(first, last)
		}
		if err != nil {
			return err
		}
		list := field(f)
		*list = append(*list, RecordRange{max(first, 1), last})
		return nil
	}
}

// addSwap reads the numbers of two records.
func addSwap(f *Faults, value string) error {
	first, last, err := schedule.Numbers(value)
	if err != nil {
		return err
	}
	if first < 1 || last <= first || !strings.Contains(value, "-") {
		return fmt.Errorf("%q is not the numbers of two records, such as 3-5", value)
	}
	f.Replay.Swap = append(f.Replay.Swap, [2]int{first, last})
	return nil
}

// setCompletion reads after how many records a replay pretends to be complete.
func setCompletion(f *Faults, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of records, 0 or more", value)
	}
	f.Replay.CompleteEarly, f.Replay.CompleteAfter = true, n
	return nil
}

// replayFault is the faults of one handle in a replay that is running.
type replayFault struct {
	*ReplayFaults
	*FaultHandle
	fired bool
	swaps map[int64][]byte // which record goes out in place of the one with a number
}

// shows counts the fault, once a replay, when something happens.
func (f *replayFault) shows(happens bool) bool {
	if !happens || f.Removed() {
		return false
	}
	if !f.fired {
		f.fired = true
		f.Fire()
	}
	return true
}

// divides tells whether a fault of every nth record is shown at a number.
func divides(n int, number int64) bool { return n > 0 && number%int64(n) == 0 }

// omits tells whether the record with a number is left out.
func (f *replayFault) omits(n, total int64) bool {
	return f.shows(divides(f.OmitEvery, n) || f.OmitLast > 0 && n > total-int64(f.OmitLast) || within(f.Omit, n))
}

// repeats tells whether it is sent twice.
func (f *replayFault) repeats(n int64) bool {
	return f.shows(divides(f.RepeatEvery, n) || within(f.Repeat, n))
}

// completes tells whether the replay ends before it.
func (f *replayFault) completes(n int64) bool {
	return f.shows(f.CompleteEarly && n > int64(f.CompleteAfter))
}

// looksAhead tells whether the records must be known before the replay begins.
func (f *replayFault) looksAhead() bool { return f.OmitLast > 0 || len(f.Swap) > 0 }

// replayer changes the records of a replay as the faults say.
type replayer struct {
	faults []*replayFault
	count  int64  // records that were due so far
	total  int64  // records that are due in all; only known when a fault looks ahead
	held   []byte // waits for the record after it
	over   bool   // the rest is not sent
}

// beginReplay prepares the faults of a replay, whose place is known.
func (p *player) beginReplay() {
	r := &replayer{}
	if p.replayFaults != nil {
		r.faults = p.replayFaults()
	}
	p.replay = r
	if !slices.ContainsFunc(r.faults, (*replayFault).looksAhead) {
		return
	}
	for at := p.at; at.Off < p.stop.Off; at.Rec++ {
		rec := p.records.Record(at.Off)
		if rec == nil {
			return // the next step gets the error
		}
		if p.wants(p.tl.Tag(at.Rec, rec), rec) {
			r.total++
			for _, f := range r.faults {
				f.foresee(r.total, rec)
			}
		}
		at.Off += len(rec)
	}
}

// foresee remembers the records of a swap.
func (f *replayFault) foresee(n int64, rec []byte) {
	for _, pair := range f.Swap {
		for i, number := range pair {
			if int64(number) == n {
				if f.swaps == nil {
					f.swaps = make(map[int64][]byte)
				}
				f.swaps[int64(pair[1-i])] = slices.Clone(rec) // the window of a file moves on
			}
		}
	}
}

// instead is the record that goes out in place of the one with a number.
func (f *replayFault) instead(n, total int64, rec []byte) []byte {
	other, ok := f.swaps[n]
	if ok && f.shows(slices.ContainsFunc(f.Swap, func(pair [2]int) bool {
		return slices.Contains(pair[:], int(n)) && int64(pair[1]) <= total
	})) {
		return other
	}
	return rec
}

// order calls send for each record that goes out when rec is due, and says how many.
func (r *replayer) order(rec []byte, send func([]byte)) (sent int64) {
	r.count++
	reorder, times := false, 1
	for _, f := range r.faults {
		if r.over = r.over || f.completes(r.count); r.over || f.omits(r.count, r.total) {
			return 0
		}
		rec = f.instead(r.count, r.total, rec)
		if f.repeats(r.count) {
			times++
		}
		reorder = reorder || r.held == nil && f.shows(divides(f.ReorderEvery, r.count))
	}
	if reorder {
		r.held = slices.Clone(rec) // the window of a file moves on
		return 0
	}
	for range times {
		send(rec)
		sent++
	}
	return sent + r.release(send)
}

// release sends the record that was held back, if there is one.
func (r *replayer) release(send func([]byte)) int64 {
	if r.held == nil {
		return 0
	}
	send(r.held)
	r.held = nil
	return 1
}
