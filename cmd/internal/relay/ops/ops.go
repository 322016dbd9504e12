// Package ops serves what operators ask a relay: whether it is healthy, what it counts, and its status.
package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
)

// Relay is what is asked.
type Relay interface {
	Status(ctx context.Context) service.Status
	Ready() error
}

// The paths.
const (
	metricsPath = "/metrics"
	healthPath  = "/healthz"
	readyPath   = "/readyz"
	StatusPath  = "/status"
)

// requestTimeout bounds each part of a request.
const requestTimeout = 10 * time.Second

// Server answers. Close ends it.
type Server struct {
	listener net.Listener
	server   *http.Server
}

// Serve listens at an address. /healthz is OK while NATS is connected, /readyz while every dataset is live.
func Serve(address string, relay Relay) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{relay}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, r *http.Request) {
		var err error
		if !relay.Status(r.Context()).NATS {
			err = fmt.Errorf("NATS is not connected")
		}
		answer(w, err)
	})
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, relay.Ready()) })
	mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(relay.Status(r.Context())) //nolint:errcheck // the client has gone
	})
	s := &Server{listener, &http.Server{
		Handler: mux, ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}
	go s.server.Serve(listener) //nolint:errcheck // it ends when Close is called
	return s, nil
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Addr is the address, as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends it at once.
func (s *Server) Close() error { return s.server.Close() }
