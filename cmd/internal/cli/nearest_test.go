package cli

import "testing"

func TestAMistypedNameSuggestsTheNearest(t *testing.T) {
	names := []string{"ts_recv", "ts_event", "size", "side", "price", "bid_px_00", "bid_px_01", "instrument_id", "sequence", "hist", "batch"}
	for typed, want := range map[string]string{
		"sise": "size", "siez": "size", "Size": "size", "pirce": "price", "prices": "price", "bid_px_0": "bid_px_00", "bid_px00": "bid_px_00",
		"ts_recvd": "ts_recv", "instrumentid": "instrument_id", "seq": "sequence", "instrument": "instrument_id", "hits": "hist", "bach": "batch",
		"zebra": "", "x": "", "": "", "volatility": "", "漢字": "",
	} {
		if got := Nearest(typed, names); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	if got, want := DidYouMean("sise", names), `; did you mean "size"?`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := DidYouMean("zebra", names); got != "" {
		t.Errorf("%q", got)
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
