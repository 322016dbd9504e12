package dbnloop_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop"
)

// The constants of the C headers have the names and the numbers of this package, and none is
// missing on either side.
func TestTheConstantsOfTheCHeadersHaveTheSameNamesAndNumbers(t *testing.T) {
	text := ""
	for _, name := range []string{"dbnloop_status.h", "dbnloop.h", "dbnloop_live.h", "dbnloop_historical.h", "dbnloop_continuous.h"} {
		header, err := os.ReadFile("capi/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(header)
	}
	letters := func(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "_", "")) }
	for _, e := range []struct {
		name, prefix, unknown string
		text                  func(int) string
	}{
		{"status", "DBNLOOP_", "ErrorCode(28)", func(n int) string { return dbnloop.ErrorCode(n).String() }},
		{"session_event_kind", "DBNLOOP_SESSION_", "SessionEventKind(?)", func(n int) string { return dbnloop.SessionEventKind(n).String() }},
		{"live_state", "DBNLOOP_LIVE_", "State(?)", func(n int) string { return dbnloop.State(n).String() }},
		{"continuous_state", "DBNLOOP_CONTINUOUS_", "StreamState(?)", func(n int) string { return dbnloop.StreamState(n).String() }},
		{"continuity_kind", "DBNLOOP_CONTINUITY_", "ContinuityKind(?)", func(n int) string { return dbnloop.ContinuityKind(n).String() }},
		{"gap_reason", "DBNLOOP_GAP_", "GapReason(?)", func(n int) string { return dbnloop.GapReason(n).String() }},
		{"recovery_policy", "DBNLOOP_RECOVERY_", "RecoveryPolicy(?)", func(n int) string { return dbnloop.RecoveryPolicy(n).String() }},
		{"call_kind", "DBNLOOP_CALL_", "", func(n int) string {
			return map[int]string{int(dbnloop.CallGet): "Get", int(dbnloop.CallPostIdempotent): "PostIdempotent", int(dbnloop.CallPostNonIdempotent): "PostNonIdempotent"}[n]
		}},
	} {
		_, body, found := strings.Cut(text, "typedef enum dbnloop_"+e.name+" {\n")
		body, _, _ = strings.Cut(body, "\n} dbnloop_"+e.name)
		if !found {
			t.Errorf("there is no enum dbnloop_%s", e.name)
			continue
		}
		last := 0
		for _, m := range regexp.MustCompile(`(?m)^  `+e.prefix+`(\w+)\s*=\s*(\d+)`).FindAllStringSubmatch(body, -1) {
			number, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
			name := m[1]
			if e.name == "status" && name == "OK" {
				name = "NONE"
			}
			if have := letters(e.text(number)); have != letters(name) {
				t.Errorf("dbnloop_%s: %s is %d, which is %q in Go", e.name, m[1], number, e.text(number))
			}
			last = number
		}
		if next := e.text(last + 1); last == 0 || next != e.unknown {
			t.Errorf("dbnloop_%s ends with %d; %d is %q in Go", e.name, last, last+1, fmt.Sprint(next))
		}
	}
}
