package cli

import "testing"

func TestAMistypedNameSuggestsTheNearest(t *testing.T) {
	names := []string{"ts_recv", "ts_event", "size", "side", "price", "bid_px_00", "bid_px_01", "bid_px_02", "bid_px_03", "instrument_id", "sequence", "hist", "batch", "size"}
	for typed, want := range map[string]string{
		"sizee": `"size"`, "siez": `"size"`, "SIZR": `"size"`, "pirce": `"price"`, "prices": `"price"`, "bid_px00": `"bid_px_00"`,
		"sise": `"size" or "side"`, "bid_px_0": `"bid_px_00", "bid_px_01" or "bid_px_02"`,
		"ts_recvd": `"ts_recv"`, "instrumentid": `"instrument_id"`, "seq": `"sequence"`, "instrument": `"instrument_id"`, "hits": `"hist"`, "bach": `"batch"`,
		"zebra": "", "x": "", "": "", "volatility": "", "漢字": "",
	} {
		if want != "" {
			want = "; did you mean " + want + "?"
		}
		if got := DidYouMean(typed, names); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func TestTheDistanceCountsEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"é漢", "漢", 1}, {"ca", "abc", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
