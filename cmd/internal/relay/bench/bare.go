package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/sim"
)

// bareRole makes this program the bare publisher, and readingRole one that reads its log meanwhile.
const (
	bareRole    = "bare-publisher"
	readingRole = "bare-publisher-and-reader"
)

// publishBare is what there is to compare with: it reads a gateway's stream and publishes it to the same embedded
// JetStream in pieces of the same size, 64 at once on the way, whatever it is, until the gateway
// closes the connection. With reads, an ordered consumer in the same process also reads everything, as the relay must
// do to serve anybody.
func publishBare(gateway, directory string, reads bool) error {
	ctx := context.Background()
	store, err := log.Open(ctx, log.Options{Directory: directory})
	if err != nil {
		return err
	}
	defer store.Close()
	if _, err := store.Log(ctx, dataset); err != nil {
		return err
	}
	conn, err := nats.Connect("", nats.InProcessServer(store))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(64))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	in, err := subscribe(gateway)
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	if reads {
		go func() { read <- readBare(js) }()
	} else {
		read <- nil
	}
	total := 0
	for {
		piece := make([]byte, batch.Target/recordSize*recordSize)
		n, err := io.ReadFull(in, piece)
		if n > 0 {
			total += n
			if _, err := js.PublishAsync(batch.Subject(dataset, "mbo"), piece[:n], jetstream.WithStallWait(time.Minute)); err != nil {
				return err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			return err
		}
	}
	if _, err := js.PublishAsync(batch.Subject(dataset, endOfBare), nil); err != nil {
		return err
	}
	<-js.PublishAsyncComplete()
	if err := <-read; err != nil {
		return err
	}
	fmt.Println(total)
	io.Copy(io.Discard, blocked{}) //nolint:errcheck // until it is ended
	return nil
}

// endOfBare is the last part of the last message's subject.
const endOfBare = "end"

// readBare reads what is published, until its end, and makes nothing of it.
func readBare(js jetstream.JetStream) error {
	consumer, err := js.OrderedConsumer(context.Background(), batch.StreamName(dataset), jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(16))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next()
		if err != nil || m.Subject() == batch.Subject(dataset, endOfBare) {
			return err
		}
	}
}

// blocked is a reader that never returns.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

// subscribe begins a session of everything, by hand.
func subscribe(gateway string) (io.Reader, error) {
	conn, err := net.Dial("tcp", gateway)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 16)
	challenge := ""
	for challenge == "" {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if text, is := strings.CutPrefix(strings.TrimSpace(line), "cram="); is {
			challenge = text
		}
	}
	sum := sha256.Sum256([]byte(challenge + "|" + sim.TestKey))
	fmt.Fprintf(conn, "auth=%s-%s|dataset=%s|encoding=dbn|ts_out=0\n", hex.EncodeToString(sum[:]), sim.TestKey[len(sim.TestKey)-5:], dataset) //nolint:errcheck // the next read fails
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "success=1") {
		return nil, errors.Join(fmt.Errorf("the gateway answers %q", line), err)
	}
	_, err = fmt.Fprint(conn, "schema=mbo|stype_in=raw_symbol|symbols=ALL_SYMBOLS|start=0\nstart_session\n")
	return in, err
}
