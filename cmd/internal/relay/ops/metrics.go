package ops

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
)

// collector takes a relay's status at each scrape.
type collector struct{ relay Relay }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dbn_relay_"+name, help, labels, nil)
}

// perDataset are the metrics of each dataset.
var perDataset = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*service.DatasetStatus) float64
}{
	{describe("live", "1 while what is received is live, else 0.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return number(d.Live) }},
	{describe("paused", "1 while the source is paused because the log is slow or its disk full, else 0.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return number(d.Paused) }},
	{describe("disk_full", "1 while the source is paused because the log's disk is full, else 0.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return number(d.DiskFull) }},
	{describe("pauses_total", "Times that the source was paused.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Pauses) }},
	{describe("records_total", "Records that were handed to the log.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Records) }},
	{describe("record_bytes_total", "Bytes of these records.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Bytes) }},
	{describe("messages_total", "Messages that were handed to the log.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Messages) }},
	{describe("pending_bytes", "Bytes that the log has not acknowledged.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Pending) }},
	{describe("repeats_total", "Records that the log had already, after a kill.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Repeats) }},
	{describe("reconnects_total", "Attempts to connect to the gateway again.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Reconnects) }},
	{describe("gaps_total", "Times that records may be missing.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Gaps) }},
	{describe("log_restarts_total", "Errors of the log after which its end was read again.", "dataset"), prometheus.CounterValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Restarts) }},
	{describe("instruments", "Instruments whose names are known.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Symbols) }},
	{describe("log_bytes", "Bytes that the log keeps.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return float64(d.LogBytes) }},
	{describe("log_last_sequence", "Sequence of the log's last message.", "dataset"), prometheus.GaugeValue,
		func(d *service.DatasetStatus) float64 { return float64(d.Last) }},
}

// ofServing are the metrics of all consumers together.
var ofServing = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*service.ServingStatus) float64
}{
	{describe("consumers", "Consumers that are connected."), prometheus.GaugeValue,
		func(s *service.ServingStatus) float64 { return float64(s.Active) }},
	{describe("consumer_sessions_total", "Connections of consumers."), prometheus.CounterValue,
		func(s *service.ServingStatus) float64 { return float64(s.Sessions) }},
	{describe("consumer_refused_total", "Consumers that were refused."), prometheus.CounterValue,
		func(s *service.ServingStatus) float64 { return float64(s.Refused) }},
	{describe("consumer_records_total", "Records that consumers were sent."), prometheus.CounterValue,
		func(s *service.ServingStatus) float64 { return float64(s.Records) }},
	{describe("consumer_bytes_total", "Bytes that consumers were sent, as they went over the wire."), prometheus.CounterValue,
		func(s *service.ServingStatus) float64 { return float64(s.Bytes) }},
}

var natsDesc = describe("nats_connected", "1 while NATS is connected, else 0.")

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	to <- natsDesc
	for _, m := range perDataset {
		to <- m.desc
	}
	for _, m := range ofServing {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	status := c.relay.Status(ctx)
	to <- prometheus.MustNewConstMetric(natsDesc, prometheus.GaugeValue, number(status.NATS))
	for i := range status.Datasets {
		for _, m := range perDataset {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(&status.Datasets[i]), status.Datasets[i].Dataset)
		}
	}
	for _, m := range ofServing {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(&status.Serving))
	}
}
