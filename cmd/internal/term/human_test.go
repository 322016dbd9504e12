package term

import (
	"bytes"
	"log/slog"
	"testing"
)

func TestHumanNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 18446744073709551615: "18,446,744,073,709,551,615"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 999600: "1 MB", 2.5e9: "2.5 GB", 7e15: "7000 TB"} {
		if got := HumanBytes(n); got != want {
			t.Errorf("%g: got %s, want %s", n, got, want)
		}
	}
}

func TestMessagesAreOneCleanLine(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, "text", false, false)
	if err != nil {
		t.Fatal(err)
	}
	log.With("session", 3).WithGroup("g").Warn("two\nlines \x1b[31m", slog.Int("n", 1))
	log.Debug("not shown")
	const want = "dbn-tail: warning: two?lines ?[31m (session=3, g.n=1)\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
