package exit

import (
	"syscall"
	"testing"
	"time"
)

func TestASignalThatIsSentToTheGroupAsWellIsOneRequest(t *testing.T) {
	began := time.Unix(1_794_700_800, 0)
	first := asking{syscall.SIGTERM, began}
	tests := []struct {
		number syscall.Signal
		after  time.Duration
		want   bool
	}{
		{syscall.SIGTERM, 0, true},
		{syscall.SIGTERM, sameAsking - 1, true},
		{syscall.SIGTERM, sameAsking, false},
		{syscall.SIGINT, 0, false},
	}
	for _, test := range tests {
		if got := first.repeats(test.number, began.Add(test.after)); got != test.want {
			t.Errorf("%v after %v: %t", test.number, test.after, got)
		}
	}
	if (asking{}).repeats(syscall.SIGTERM, began) {
		t.Error("the first signal repeats nothing")
	}
}
