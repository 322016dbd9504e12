package dbn_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestAWindowThatIsTooLargeIsSaidWithTheWayOut(t *testing.T) {
	// A frame with a window of 256 MiB and one raw block.
	frame := []byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, (28 - 10) << 3, 8<<3 | 1, 0, 0}
	frame = append(frame, "DBN\x03\x00\x00\x00\x00"...)
	_, err := dbn.NewDecoder(bytes.NewReader(frame))
	if err == nil || !strings.Contains(err.Error(), "windows of up to 128 MiB are accepted: compress it again") {
		t.Error(err)
	}
}
