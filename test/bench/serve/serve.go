// Package serve gives a program under measurement its stream, on loopback. The work is done in
// this process, and so is in no program's figures.
package serve

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Server serves until it is closed.
type Server struct {
	Port     int
	Env      []string // for the program
	listener net.Listener
	dir      string
}

// Close ends the server; a stream that is being sent breaks off.
func (s *Server) Close() {
	s.listener.Close()
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

func listen() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Server{Port: l.Addr().(*net.TCPAddr).Port, listener: l}, nil
}

// Live plays the gateway for one connection. It checks nothing, and sends the records of the
// stream as often as they are to be repeated, as fast as the socket takes them.
func Live(stream []byte, repeat int) (*Server, error) {
	s, err := listen()
	if err != nil {
		return nil, err
	}
	go sendLive(s.listener, stream, repeat)
	return s, nil
}

func sendLive(l net.Listener, stream []byte, repeat int) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewReader(c)
	io.WriteString(c, "lsg_version=bench\ncram=bench\n")
	if _, err := in.ReadString('\n'); err != nil {
		return
	}
	io.WriteString(c, "success=1|session_id=1\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "start_session") {
			break
		}
	}
	header := 8 + binary.LittleEndian.Uint32(stream[4:8])
	c.Write(stream[:header])
	for range repeat {
		if _, err := c.Write(stream[header:]); err != nil {
			return
		}
	}
}

// Historical answers each request with the stream, over TLS with a certificate of its own.
func Historical(stream []byte) (*Server, error) {
	s, err := listen()
	if err != nil {
		return nil, err
	}
	if err := s.answer(stream); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) answer(stream []byte) error {
	certificate, ca, err := identity()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "dbnloop-bench-"); err != nil {
		return err
	}
	caFile := filepath.Join(s.dir, "ca.pem")
	if err := os.WriteFile(caFile, ca, 0o600); err != nil {
		return err
	}
	s.Env = []string{"SSL_CERT_FILE=" + caFile, "REQUESTS_CA_BUNDLE=" + caFile}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(stream)))
		w.Write(stream)
	})
	go http.Serve(tls.NewListener(s.listener, &tls.Config{Certificates: []tls.Certificate{certificate}}), answer)
	return nil
}

// identity returns a certificate for this host, and in PEM that of the authority that signed it.
// rustls does not accept one certificate as both.
func identity() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dbnloop bench authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	host := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "dbnloop bench"}, BasicConstraintsValid: true,
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, host, authority, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), nil
}
