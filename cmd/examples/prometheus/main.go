// Command prometheus serves the statistics of a live session to Prometheus, until SIGINT or SIGTERM.
// (dbn-tail does the same with --metrics-addr.)
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// docs: collector
var (
	records = prometheus.NewDesc("md_records_total", "Records of the session.", []string{"rtype"}, nil)
	silence = prometheus.NewDesc("md_silence_seconds", "Time since the last byte.", nil, nil)
)

// collector reads the statistics when it is scraped: any goroutine may call Stats, and it costs the
// loop nothing.
type collector struct{ client *dbnloop.LiveClient }

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.client.Stats()
	for rtype, n := range stats.Records {
		if n > 0 {
			metrics <- prometheus.MustNewConstMetric(records, prometheus.CounterValue, float64(n), dbn.RType(rtype).String())
		}
	}
	metrics <- prometheus.MustNewConstMetric(silence, prometheus.GaugeValue, stats.Silence.Seconds())
}

// docs: end

func main() {
	gateway := flag.String("gateway", "", "host; empty: Databento's gateway for the dataset")
	port := flag.Int("port", 0, "0: the gateway's usual port")
	listen := flag.String("listen", "127.0.0.1:9464", "serve /metrics here")
	flag.Parse()
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		log.Fatal(err)
	}
	client, err := dbnloop.NewLiveClient(reactor, os.Getenv("DATABENTO_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	client.Handle(dbnloop.Handlers{Error: func(err error) { log.Fatal(err) }})
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols))
	if err := errors.Join(err, client.Connect(*gateway, *port), client.Start()); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	prometheus.MustRegister(collector{client})
	go http.Serve(listener, promhttp.Handler())
	log.Println("metrics at http://" + listener.Addr().String() + "/metrics")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reactor.Run(ctx)
}
