package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// logged is what a log holds: the messages with records of the market, in order.
type logged struct {
	sequences []uint64
	records   [][]byte
	place     map[uint64]int // of a sequence in both
}

// addTo hands records, which may be at any address, to an audit.
func addTo(audit *exchange.Audit, records []byte) (err error) {
	words := make([]uint64, 128) // no record is longer than 1020 bytes
	aligned := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
	batch.Each(records, func(record []byte) {
		r, e := dbn.RecordOf(aligned[:copy(aligned, record)])
		if e == nil {
			e = audit.Add(r)
		}
		if err == nil {
			err = e
		}
	})
	return err
}

// readLog reads a log until it holds all of a market, and fails when a record is lost, comes twice or is out of order.
func readLog(ctx context.Context, url string, market exchange.Market) (*logged, error) {
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	l, err := existing(ctx, js)
	if err != nil {
		return nil, err
	}
	reader, err := l.Read(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	audit, held, last := market.Audit(), &logged{place: map[uint64]int{}}, uint64(0)
	for audit.Left > 0 || reader.Pending > 0 {
		m, err := reader.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("log: %d of %d records are in it: %w", audit.Records, audit.Records+audit.Left, err)
		}
		if m.Sequence != last+1 {
			return nil, fmt.Errorf("log: message %d follows %d", m.Sequence, last)
		}
		last = m.Sequence
		if m.Schema == batch.Mappings {
			continue
		}
		if err := addTo(audit, m.Records); err != nil {
			return nil, fmt.Errorf("log, message %d: %w", m.Sequence, err)
		}
		held.place[m.Sequence] = len(held.sequences)
		held.sequences, held.records = append(held.sequences, m.Sequence), append(held.records, bytes.Clone(m.Records))
	}
	return held, audit.Complete()
}

// existing waits for the log of the market.
func existing(ctx context.Context, js jetstream.JetStream) (*log.Log, error) {
	for {
		l, err := log.Existing(ctx, js, exchange.Dataset)
		if err == nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}

// pollEvery is how often a file is read again that is not complete.
const pollEvery = 100 * time.Millisecond

// auditDBN compares what a consumer by the gateway's protocol has with the market. left is how much it lacks.
func auditDBN(path string, market exchange.Market) (left int, err error) {
	audit := market.Audit()
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return audit.Left, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return audit.Left, nil // nothing was written yet
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if err != nil {
			break // the end, or an incomplete one: what is missing is counted
		}
		if err := audit.Add(r); err != nil {
			return 0, err
		}
	}
	if audit.Left > 0 {
		return audit.Left, nil
	}
	return 0, audit.Complete()
}

func readFrames(path string) ([]frame, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	frames, _ := parseFrames(data)
	return frames, err
}

// auditPosition compares what a consumer has that stores its place with the market.
func auditPosition(path string, market exchange.Market) (left int, err error) {
	frames, err := readFrames(path)
	if err != nil {
		return 0, err
	}
	audit := market.Audit()
	for _, f := range frames {
		if err := addTo(audit, f.records); err != nil {
			return 0, err
		}
	}
	if audit.Left > 0 {
		return audit.Left, nil
	}
	return 0, audit.Complete()
}

// auditDurable compares what a durable consumer has with the log: each process of it begins with the last message of the
// one before, or with the next one, and within a process every message comes once. A server that was killed may have
// forgotten the last acknowledgements, so that more messages come again. left is how many messages it
// lacks, and repeats is how many came again.
func auditDurable(path string, held *logged, forgets bool) (left, repeats int, err error) {
	frames, err := readFrames(path)
	if err != nil {
		return 0, 0, err
	}
	last, complete := -1, true // the message that came last, and whether all of it did
	for _, life := range lives(frames) {
		for i, group := range life {
			at := last + 1
			switch {
			case group.tag > 0:
				var known bool
				if at, known = held.next(group.tag); !known {
					return 0, 0, fmt.Errorf("durable: message %d is not in the log", group.tag+1)
				}
			case i+1 < len(life):
				at, _ = held.next(life[i+1].tag)
				at--
			case last >= 0 && bytes.HasPrefix(held.records[last], group.records):
				at = last
			}
			again := i == 0 && (at == last || forgets && at < last)
			if at != last+1 && !again || !complete && !again || at < 0 || at >= len(held.records) {
				return 0, 0, fmt.Errorf("durable: message %d of the log follows %d (complete: %v, first of a process: %v)", at+1, last+1, complete, i == 0)
			}
			if again {
				repeats += last - at
			}
			if again && complete {
				repeats++
			}
			complete = len(group.records) == len(held.records[at])
			if !bytes.HasPrefix(held.records[at], group.records) || !complete && i+1 < len(life) {
				return 0, 0, fmt.Errorf("durable: message %d differs from that of the log", held.sequences[at])
			}
			last = at
		}
	}
	left = len(held.records) - last - 1
	if !complete {
		left++
	}
	return left, repeats, nil
}

// next finds the first message with records after one.
func (l *logged) next(sequence uint64) (int, bool) {
	for s := sequence + 1; s <= l.sequences[len(l.sequences)-1]; s++ {
		if at, known := l.place[s]; known {
			return at, true
		}
	}
	return 0, false
}

// lives divides frames into processes, and their frames into messages.
func lives(frames []frame) (all [][]frame) {
	for _, f := range frames {
		if len(f.records) == 0 {
			all = append(all, nil)
			continue
		}
		life := &all[len(all)-1]
		if n := len(*life); n > 0 && (*life)[n-1].tag == f.tag {
			(*life)[n-1].records = append((*life)[n-1].records[:len((*life)[n-1].records):len((*life)[n-1].records)], f.records...)
			continue
		}
		*life = append(*life, f)
	}
	return all
}
