package stream

import (
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestSummary(t *testing.T) {
	began := time.Unix(1000, 0)
	c := Counters{Records: 1234567, Bytes: 69135752, began: began}
	c.ByRType[dbn.RTypeMbo] = 1234560
	c.ByRType[dbn.RTypeMbp0] = 7
	c.ByRType[dbn.RTypeSystem] = 3
	const want = "1,234,567 records, 69.1 MB in 2.5 s: 493,827 records/s, 27.7 MB/s (trades 7, mbo 1,234,560)"
	if got := c.Summary(began.Add(2500 * time.Millisecond)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	empty := new(Counters)
	if got, want := empty.Summary(began), "0 records, 0 B in 0.0 s: 0 records/s, 0 B/s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStatisticsAreRatesSinceTheLastLine(t *testing.T) {
	began := time.Unix(1000, 0)
	c := Counters{Records: 100, Bytes: 5600, began: began}
	if got, want := c.Tick(began.Add(time.Second)), "100 records, 5.6 kB; 100 records/s, 5.6 kB/s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.Records, c.Bytes = 101, 5656
	if got, want := c.Tick(began.Add(3*time.Second)), "101 records, 5.66 kB; 1 records/s, 28 B/s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
