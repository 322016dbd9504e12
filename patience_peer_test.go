package dbnloop_test

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

// The peers of patience_test.go.

// stream is a header and, in two halves, patientRecords records.
func stream() (header, first, second []byte) {
	metadata := dbn.Metadata{
		Version: 3, Dataset: dataset, Schema: dbn.SchemaMbo, SymbolCstrLen: 71,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
	header, err := metadata.Append(nil)
	if err != nil {
		panic(err)
	}
	m := dbn.MboMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 1}}
	half := bytes.Repeat(unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m)), patientRecords/2)
	return header, half, half
}

const patientRecords = 2000

// serveLive is a gateway for one session.
func serveLive(t *testing.T, late later) string {
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		<-served
	})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		until := func(prefix string) {
			for lines.Scan() && !strings.HasPrefix(lines.Text(), prefix) {
			}
		}
		// send sends what the client waits for under the limit of that name.
		send := func(under string, b []byte) {
			if under == name {
				late(func() { conn.Write(b) })
			} else {
				conn.Write(b)
			}
		}
		conn.Write([]byte("lsg_version=test\ncram=t7kNhwj4xqR0QYjzFKtBEG2ec2pXJ4FK\n"))
		until("auth=")
		send("auth", []byte("success=1|session_id=7\n"))
		until("start_session")
		header, first, second := stream()
		conn.Write(header)
		ack := systemSays(dbn.SystemCodeSubscriptionAck, "Subscription request 1 for mbo data succeeded")
		send("ack", ack.Bytes())
		conn.Write(first)
		if name == "stop" {
			until("nothing more: the client has shut its side down")
		}
		if name == "heartbeat" || name == "stop" {
			send(name, second)
		} else {
			conn.Write(second)
		}
	}()
	return listener.Addr().String()
}

// serveHistorical is a server for one range.
func serveHistorical(t *testing.T, late later) string {
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	header, first, second := stream()
	var body []byte
	if encoder, err := zstd.NewWriter(nil); err != nil {
		t.Fatal(err)
	} else {
		body = encoder.EncodeAll(slices.Concat(header, first, second), nil)
		encoder.Close()
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		flush := func() { http.NewResponseController(w).Flush() }
		begin := func() {
			w.WriteHeader(http.StatusOK)
			flush()
		}
		if name == "response" {
			late(begin)
		} else {
			begin()
		}
		w.Write(body[:len(body)/2])
		flush()
		rest := func() {
			w.Write(body[len(body)/2:])
			flush()
		}
		if name == "idle" {
			late(rest)
		} else {
			rest()
		}
	}))
	t.Cleanup(server.Close)
	if name != "tls" {
		server.Start()
		return server.URL
	}
	server.Listener = lateListener{server.Listener, late}
	server.StartTLS()
	return server.URL
}

// lateListener's connections send their first bytes late: TLS's answer to a hello.
type lateListener struct {
	net.Listener
	late later
}

type lateConn struct {
	net.Conn
	late  later
	begun bool
}

func (l lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lateConn{Conn: conn, late: l.late}, nil
}

func (c *lateConn) Write(b []byte) (n int, err error) {
	if c.begun {
		return c.Conn.Write(b)
	}
	c.begun = true
	n, err = len(b), nil
	c.late(func() { n, err = c.Conn.Write(b) })
	return n, err
}

// authority is a file with the certificate that httptest's servers sign for themselves.
func authority(t *testing.T) string {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
