package cli

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"hist", "batch", "definition", "ts_event", "ts_recv", "price", "bid_px_00", "bid_px_01"}
	for _, test := range []struct{ text, want string }{
		{"hits", "hist"},          // two swapped
		{"hsit", "hist"},          // two swapped
		{"bacth", "batch"},        // two swapped
		{"prices", "price"},       // one too many
		{"rice", "price"},         // one missing
		{"TS_EVENT", "ts_event"},  // another case
		{"tsevent", "ts_event"},   // one missing
		{"ts_recieve", "ts_recv"}, // three of ten
		{"def", "definition"},     // a beginning
		{"bid_px", ""},            // the beginning of two, three characters from each
		{"bid_px_0", "bid_px_00"}, // the first of two that are as near
		{"AAPL", ""},              // a symbol
		{"x", ""},                 // one character is near to everything short
		{"", ""},                  // nothing
		{"day.dbn.zst", ""},       // a file
		{"definitions", "definition"},
	} {
		if got := Nearest(test.text, names); got != test.want {
			t.Errorf("Nearest(%q) = %q, want %q", test.text, got, test.want)
		}
	}
	if got := DidYouMean("hits", names); got != "; did you mean hist?" {
		t.Error(got)
	}
	if got := DidYouMean("AAPL", names); got != "" {
		t.Error(got)
	}
}
