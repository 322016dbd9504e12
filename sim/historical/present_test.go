package historical_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// A range that ends after what is available is refused, with the limits for programs.
func TestHistoryBeyondThePresentIsRefused(t *testing.T) {
	present := simtest.Time("2026-11-15T23:01:00Z")
	h := serve(t, historical.Config{Present: func() dbn.UnixNanos { return present }})
	for _, test := range []struct{ start, end, kind string }{
		{"2026-11-15T23:00", "2026-11-15T23:02", "data_end_after_available_end"},
		{"2026-11-15T23:01", "2026-11-15T23:02", "data_start_after_available_end"},
		{"2026-11-14", "2026-11-15T23:00", "data_start_before_available_start"},
	} {
		a := ask(t, h, http.MethodPost, "timeseries.get_range", "dataset=GLBX.MDP3", "schema=trades", "start="+test.start, "end="+test.end)
		var object struct {
			Detail struct {
				Case    string
				Payload map[string]any
			}
		}
		if err := json.Unmarshal(a.body, &object); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
		detail := object.Detail
		want := map[string]any{"available_start": "2026-11-15T00:00:00.000000000Z", "available_end": iso(present)}
		got := map[string]any{"available_start": detail.Payload["available_start"], "available_end": detail.Payload["available_end"]}
		if a.status != http.StatusUnprocessableEntity || detail.Case != test.kind || !cmp.Equal(got, want) {
			t.Errorf("%+v: status %d, %+v", test, a.status, detail)
		}
	}
	// Without an end, a range goes as far as it can.
	meta, _ := records(t, h, "dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15")
	if meta.End != present {
		t.Errorf("a range without an end ends at %s", meta.End)
	}
}

func iso(ts dbn.UnixNanos) string {
	return time.Unix(0, int64(ts)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}
