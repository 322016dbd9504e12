// Package dbnnats reads the records that dbn-relay keeps on NATS JetStream, with the handlers and
// runs that the clients of package dbnloop have.
//
// It is for programs that have NATS already. Others connect a LiveClient, or an official client, to
// the relay's own address. Subjects, headers and payload of the messages are documented in
// docs/relay.md, for clients in other languages.
package dbnnats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say which records are read, and from where on. At most one of Start, After and New may be
// set; by default reading begins with the first record that the log keeps.
type Options struct {
	// Schemas are those to read. Default: all of the log. Symbol mappings come with any of them.
	Schemas []dbn.Schema
	// Start is the first replay time: ts_event, and ts_recv in the BBO and CBBO schemas. A time before what
	// the log keeps is an error of Open.
	Start time.Time
	// After is a Position: reading continues after that message.
	After uint64
	// New reads what is written from now on.
	New bool
	// Durable names a consumer that NATS keeps. It continues where it was, also in another process and after
	// a crash; Start, After, New and AckWait then matter only when it is made, and other Schemas than it was
	// made with are an error. Default: none; reading begins where the options say.
	Durable string
	// AckWait is how long a durable consumer waits for a message to be acknowledged before NATS delivers it
	// again, perhaps to another process. Handlers that take longer than this for a message, some 64 KiB of records, see it
	// once all the same, as long as the process lives. Default: 30 s.
	AckWait time.Duration
}

// ErrOptions is the cause of an error about options that exclude each other.
var ErrOptions = errors.New("options exclude each other")

func (o *Options) check() error {
	given := 0
	for _, set := range []bool{!o.Start.IsZero(), o.After != 0, o.New} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return fmt.Errorf("dbnnats: Start, After and New: %w: give one of them", ErrOptions)
	case o.AckWait < 0:
		return fmt.Errorf("dbnnats: AckWait is %v, want a time", o.AckWait)
	case !o.Start.IsZero() && o.Start.UnixNano() < 0:
		return fmt.Errorf("dbnnats: Start %v is before 1970", o.Start)
	}
	if o.AckWait == 0 {
		o.AckWait = 30 * time.Second
	}
	return nil
}

// Source reads the log of a dataset. It is for one goroutine at a time, except for Close.
type Source struct {
	js       jetstream.JetStream
	log      *log.Log
	messages jetstream.MessagesContext
	durable  bool
	start    dbn.UnixNanos
	position uint64
	aligned  []uint64 // memory for records whose address is not aligned
	began    bool
}

// Open opens the log of a dataset, such as GLBX.MDP3, that dbn-relay has made. It is an error if the log does
// not exist, if another version of the layout wrote it, or if Options.Start is too early. The caller must call Close.
func Open(ctx context.Context, js jetstream.JetStream, dataset string, o Options) (*Source, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l, err := log.Existing(ctx, js, dataset)
	if err != nil {
		return nil, fmt.Errorf("dbnnats: %w", err)
	}
	s := &Source{js: js, log: l, durable: o.Durable != ""}
	from := o.After + 1
	switch {
	case !o.Start.IsZero():
		s.start = dbn.UnixNanos(o.Start.UnixNano())
		if from, err = l.Find(ctx, s.start); err != nil {
			return nil, fmt.Errorf("dbnnats: %w", err)
		}
	case o.New:
		if _, from, err = l.Bounds(ctx); err != nil {
			return nil, fmt.Errorf("dbnnats: %w", err)
		}
		from++
	}
	consumer, err := s.consumer(ctx, from, o)
	if err != nil {
		return nil, fmt.Errorf("dbnnats: consumer of stream %s: %w", batch.StreamName(dataset), err)
	}
	ahead := readAhead
	if s.durable {
		ahead = 1
	}
	if s.messages, err = consumer.Messages(jetstream.PullMaxMessages(ahead)); err != nil {
		return nil, fmt.Errorf("dbnnats: consumer of stream %s: %w", batch.StreamName(dataset), err)
	}
	return s, nil
}

// readAhead is how many messages a consumer that is not durable holds at most: some 1 MiB.
const readAhead = 16

// consumer makes or finds the consumer. A durable one has one message at a time, because NATS delivers the
// messages of a consumer that crashed again only after AckWait, and later ones must not overtake them.
func (s *Source) consumer(ctx context.Context, from uint64, o Options) (jetstream.Consumer, error) {
	var subjects []string
	for _, schema := range o.Schemas {
		subjects = append(subjects, batch.Subject(s.log.Dataset, schema.String()))
	}
	if len(subjects) > 0 {
		subjects = append(subjects, batch.Subject(s.log.Dataset, batch.Mappings))
	}
	stream := batch.StreamName(s.log.Dataset)
	if !s.durable {
		return s.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
			FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		})
	}
	consumer, err := s.js.Consumer(ctx, stream, o.Durable)
	if err == nil {
		return consumer, sameSubjects(consumer.CachedInfo().Config.FilterSubjects, subjects)
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, err
	}
	return s.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: o.Durable, FilterSubjects: subjects, AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.AckWait,
		MaxAckPending: 1, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
}

// sameSubjects refuses a durable consumer that was made for other schemas.
func sameSubjects(have, want []string) error {
	have, want = slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(want))
	if slices.Equal(have, want) {
		return nil
	}
	return fmt.Errorf("it exists and was made for %s, not for %s: use another name, or delete it",
		subjectNames(have), subjectNames(want))
}

func subjectNames(subjects []string) string {
	if len(subjects) == 0 {
		return "all schemas"
	}
	return strings.Join(subjects, ", ")
}

// Run delivers records to the handlers on the calling goroutine, until ctx is done, Close is called or an
// error occurs, and returns the cause; nil after Close. Metadata comes first, then the symbol mappings that are known of the dataset,
// then the records of the log in order, some 64 KiB at a time. Of the handlers, those of records and Metadata are called.
//
// A message is acknowledged when its handlers have returned, so a durable consumer that crashes gets the
// records of one message again. A single NATS server that is killed may have forgotten the acknowledgements of its last
// moments, and a durable consumer that begins after that gets those messages again, too. Who must not process records twice stores Position with the results, and
// continues by Options.After.
func (s *Source) Run(ctx context.Context, h *dbnloop.Handlers) error {
	for {
		raw, err := s.messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, jetstream.ErrMsgIteratorClosed):
				return nil
			}
			return fmt.Errorf("dbnnats: %w", err)
		}
		m, err := log.Parse(raw)
		if err != nil {
			return fmt.Errorf("dbnnats: %w", err)
		}
		if m.Sequence > s.position { // or it was delivered again, because the handlers took long
			if err := s.deliver(ctx, m, h); err != nil {
				return fmt.Errorf("dbnnats: stream %s, message %d: %w", batch.StreamName(s.log.Dataset), m.Sequence, err)
			}
			s.position = m.Sequence
		}
		if s.durable {
			if err := raw.DoubleAck(ctx); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return fmt.Errorf("dbnnats: acknowledge message %d: %w", m.Sequence, err)
			}
		}
	}
}

func (s *Source) deliver(ctx context.Context, m *log.Message, h *dbnloop.Handlers) error {
	if m.Version != dbn.Version {
		return fmt.Errorf("its records are of DBN version %d, want %d", m.Version, dbn.Version)
	}
	if !s.began {
		if err := s.begin(ctx, m, h); err != nil {
			return err
		}
		s.began = true
	}
	records := s.align(m.Records)
	if m.Schema != batch.Mappings && m.Event.Low < s.start {
		records = from(records, s.start)
	}
	return h.Deliver(records)
}

// begin hands out what a stream begins with.
func (s *Source) begin(ctx context.Context, m *log.Message, h *dbnloop.Handlers) error {
	if h.Metadata != nil {
		h.Metadata(&dbn.Metadata{
			Version: dbn.Version, Dataset: s.log.Dataset, Schema: dbn.SchemaNone, Start: s.start,
			StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID, TsOut: m.TsOut,
		})
	}
	var mappings []byte
	err := log.Retained(ctx, s.js, s.log.Dataset, func(record []byte) {
		if batch.RTypeAt(record) == dbn.RTypeSymbolMapping {
			mappings = append(mappings, record...)
		}
	})
	if err != nil {
		return err
	}
	return h.Deliver(mappings)
}

// align copies records to memory in which they can be viewed, unless they are in such already.
func (s *Source) align(records []byte) []byte {
	const word = 8
	if uintptr(unsafe.Pointer(unsafe.SliceData(records)))%word == 0 {
		return records
	}
	if words := (len(records) + word - 1) / word; len(s.aligned) < words {
		s.aligned = make([]uint64, words)
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s.aligned))), len(records))
	copy(b, records)
	return b
}

// from keeps the records whose replay time is start or later. It moves them to the beginning.
func from(records []byte, start dbn.UnixNanos) []byte {
	kept := records[:0]
	batch.Each(records, func(record []byte) {
		if batch.Clock(record) >= start {
			kept = append(kept, record...)
		}
	})
	return kept
}

// Position is the place in the log of the last message whose records were delivered; 0: none were.
func (s *Source) Position() uint64 { return s.position }

// Close ends a Run and the subscription. A durable consumer remains at NATS. It may be called from any
// goroutine.
func (s *Source) Close() { s.messages.Stop() }
