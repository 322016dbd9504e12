package dbn

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// Every form of text has the clock of the location, on both sides of each change of its distance
// from UTC, and names the same instant.
func TestPrettyTimesAreThoseOfTheLocation(t *testing.T) {
	for _, name := range []string{"America/New_York", "Europe/London", "Asia/Kolkata", "Pacific/Auckland", "Africa/Monrovia", "UTC"} {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		options := TextOptions{Pretty: true, Location: location, TsOut: true}
		formatter := NewFormatter(options)
		for _, ts := range timesAround(location) {
			m := withTsOut(ts)
			r := Ref(&m.Rec.Hd)
			columns := ColumnsOf(r)
			row := string(formatter.AppendCSV(nil, r, columns, ""))
			if some := string(AppendCSV(nil, r, columns[:2], "", &options)); !strings.HasPrefix(row, strings.TrimSuffix(some[:2*36], "\n")) {
				t.Fatalf("%s: %q, column by column %q", name, row, some)
			}
			got := strings.Split(strings.TrimSuffix(row, "\n"), ",")
			var object struct {
				TsRecv string `json:"ts_recv"`
				TsOut  string `json:"ts_out"`
			}
			if err := json.Unmarshal(formatter.AppendJSON(nil, r, columns, "", false), &object); err != nil {
				t.Fatal(err)
			}
			value := string(formatter.AppendValue(nil, r, &columns[0]))
			for _, text := range []string{got[0], got[1], got[len(got)-1], object.TsRecv, object.TsOut, value} {
				if text != got[0] || len(text) != 35 {
					t.Fatalf("%s, %d: %q and %q", name, ts, text, got[0])
				}
			}
			parsed, err := time.Parse(time.RFC3339Nano, got[0])
			if err != nil || UnixNanosOf(parsed) != ts {
				t.Fatalf("%s: %q is %d, want %d (%v)", name, got[0], UnixNanosOf(parsed), ts, err)
			}
			if want := ts.Time().In(location); name != "Africa/Monrovia" && got[0] != want.Format("2006-01-02T15:04:05.000000000-07:00") {
				t.Fatalf("%s: %q, want %s", name, got[0], want)
			}
		}
	}
}

// timesAround are a few around every change in 65 years.
func timesAround(location *time.Location) (list []UnixNanos) {
	at := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	for at.Year() < 2035 {
		_, end := at.In(location).ZoneBounds()
		if end.IsZero() {
			break
		}
		for _, d := range []time.Duration{-time.Hour, -1, 0, 1, time.Hour - 1, time.Hour} {
			list = append(list, UnixNanosOf(end.Add(d)))
		}
		at = end.Add(time.Second)
	}
	return append(list, 1794783600_123456789, 1_000_000_000_000_000_000)
}

func withTsOut(ts UnixNanos) *WithTsOut[TradeMsg] {
	m := &WithTsOut[TradeMsg]{TsOut: ts}
	m.Rec = TradeMsg{Hd: RecordHeader{Length: 14, RType: RTypeMbp0, TsEvent: ts}, TsRecv: ts}
	return m
}

// The first and the last times have no day before or after them.
func TestTimesAtTheEndsOfTheRangeAreWritten(t *testing.T) {
	for _, name := range []string{"America/New_York", "Pacific/Kiritimati"} {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		f := NewFormatter(TextOptions{Pretty: true, Location: location})
		for _, ts := range []UnixNanos{1, UndefTimestamp - 1} {
			if got := string(f.AppendTime(nil, ts)); len(got) != 35 {
				t.Errorf("%s, %d: %q", name, ts, got)
			}
		}
		for _, ts := range []UnixNanos{0, UndefTimestamp} {
			if got := string(f.AppendTime(nil, ts)); got != "" {
				t.Errorf("%s, %d: %q", name, ts, got)
			}
		}
	}
}
