package sim

import "testing"

// Faults are texts of a command line: those that are accepted can be shown.
func FuzzParseFault(f *testing.F) {
	for _, text := range []string{"stall=100,2s", "reset=5000b", "cut-record=end", "split=7", "replay-omit=3", "slow-reader=10,5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var live Faults
		if live.ParseFault(text) == nil {
			if err := live.validate(); err != nil || live.Sessions < 0 {
				t.Errorf("%q is accepted as %+v: %v", text, live, err)
			}
		}
	})
}
