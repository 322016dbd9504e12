package term

import (
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestATimeIsNeverMissing(t *testing.T) {
	for at, want := range map[dbn.UnixNanos]string{
		0: "1970-01-01T00:00:00.000000000Z", dbn.UndefTimestamp: "18446744073709551615",
	} {
		if got := Time(at); got != want {
			t.Errorf("%d: %q, want %q", uint64(at), got, want)
		}
	}
}
