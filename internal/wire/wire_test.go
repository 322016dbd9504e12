package wire

import (
	"testing"
	"time"
)

func TestTheSendTimeIsAddedWhereTheLengthCanStateIt(t *testing.T) {
	for size, want := range map[int]int{HeaderLen: HeaderLen + TsOutLen, 1012: 1020, 1016: 1016, 1020: 1020} {
		dst := make([]byte, 4+size) // a record before it
		SetSize(dst[4:], size)
		dst = AppendTsOut(dst, 4, time.Unix(0, 5))
		if len(dst) != 4+want || Size(dst[4:]) != want {
			t.Errorf("%d bytes: %d, stated %d, want %d", size, len(dst)-4, Size(dst[4:]), want)
		}
	}
}
