package chaos

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/dbnnats"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// consumerKey is that of the relay's consumers.
const consumerKey = "db-chaosCHAOSchaosCHAOSchaosCHAO"

// runGateway is a consumer by the gateway's protocol: it adds what comes to a DBN file, and after its death it continues
// where the file ends. Its arguments are the file, the relay's address, and schemas with commas between.
func runGateway(args []string) error {
	file, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	position, err := endOf(file)
	if err != nil {
		return err
	}
	host, port, err := split(args[1])
	if err != nil {
		return err
	}
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close() //nolint:errcheck // the process ends
	client, err := dbnloop.NewContinuousClient(reactor, consumerKey, dbnloop.WithGateway(host, port),
		dbnloop.WithBackoff(10*time.Millisecond, 200*time.Millisecond), dbnloop.WithReplayLimit(50*365*24*time.Hour),
		dbnloop.WithLive(dbnloop.WithHeartbeat(5*time.Second, 5*time.Second)))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	var pending []byte
	client.Handle(dbnloop.Handlers{
		Record: func(r dbn.Record) {
			if !r.RType().IsMessage() {
				pending = append(pending, r.Bytes()...)
			}
		},
		Continuity: func(e dbnloop.ContinuityEvent) {
			if e.Kind == dbnloop.Gap {
				cancel(errors.New("gap: " + e.Gap.String()))
			}
		},
		Error: func(err error) { cancel(err) },
	})
	for name := range strings.SplitSeq(args[2], ",") {
		schema, err := dbn.ParseSchema(name)
		if err != nil {
			return err
		}
		s := dbnloop.NewSubscription(exchange.Dataset, schema, dbn.AllSymbols)
		s.HasStart, s.Start = true, exchange.Start
		if _, err := client.Subscribe(s); err != nil {
			return err
		}
	}
	if position != nil {
		if err := client.ResumeFrom(position); err != nil {
			return err
		}
	}
	if err := client.Start(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if _, err := reactor.Poll(-1); err != nil {
			return err
		}
		if _, err := file.Write(pending); err != nil {
			return err
		}
		pending = pending[:0]
	}
	return context.Cause(ctx)
}

// endOf cuts the incomplete record at the end of a file, and returns the position after it; nil: it holds none.
func endOf(file *os.File) ([]byte, error) {
	end, err := dbnloop.NewStreamEnd()
	if err != nil {
		return nil, err
	}
	defer end.Close() //nolint:errcheck // it only frees memory
	size, err := io.Copy(end, file)
	if err != nil {
		return nil, err
	}
	if size == 0 || end.Complete() == 0 {
		meta := dbn.Metadata{
			Version: dbn.Version, Dataset: exchange.Dataset, Schema: dbn.SchemaNone, End: dbn.UndefTimestamp,
			StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID,
		}
		head, err := meta.Append(nil)
		if err != nil {
			return nil, err
		}
		_, err = file.WriteAt(head, 0)
		return nil, errors.Join(err, file.Truncate(int64(len(head))), seekEnd(file))
	}
	if err := errors.Join(file.Truncate(end.Complete()), seekEnd(file)); err != nil || end.Records() == 0 {
		return nil, err
	}
	return end.Position()
}

func seekEnd(file *os.File) error {
	_, err := file.Seek(0, io.SeekEnd)
	return err
}

// runPosition is a NATS consumer that stores the place in the log with what it has.
func runPosition(args []string) error {
	file, frames, err := openFrames(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	// Frames with the last tag are of a message that may be incomplete: it comes again.
	var after uint64
	if n := len(frames); n > 0 {
		after = frames[n-1].tag
		first := n - 1
		for first > 0 && frames[first-1].tag == after {
			first--
		}
		if err := errors.Join(file.Truncate(frames[first].offset), seekEnd(file)); err != nil {
			return err
		}
	}
	return receive(file, args[1], dbnnats.Options{After: after})
}

// runDurable is a NATS consumer whose place NATS keeps.
func runDurable(args []string) error {
	file, _, err := openFrames(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	if err := writeFrame(file, 0, nil); err != nil { // a life begins
		return err
	}
	return receive(file, args[1], dbnnats.Options{Durable: "chaos", AckWait: time.Second})
}

// receive adds a frame for each run of records. Its tag is the place of the message before.
func receive(file *os.File, url string, o dbnnats.Options) error {
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	source, err := dbnnats.Open(ctx, js, exchange.Dataset, o)
	if err != nil {
		return err
	}
	defer source.Close()
	return source.Run(ctx, &dbnloop.Handlers{Record: func(r dbn.Record) {
		if r.RType().IsMessage() {
			return
		}
		place := max(source.Position(), o.After)
		if err := writeFrame(file, place, r.Bytes()); err != nil {
			cancel(err)
		}
	}})
}
