package tail

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// The times and durations of flags are within what can be asked for, and a time that is
// printed reads as the same.
func FuzzTimes(f *testing.F) {
	for _, text := range []string{
		"2026-11-23T14:30", "2026-11-23 14:30:00.000000001", "1969-12-31", "2026-11-23T14:30:00-05:00", "0", "18446744073709551615",
		"90s", "1d", "1.5d12h", "36500d2540400h", "-1d", "NaNd", "1e4d", "1d-25h",
	} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := term.ParseTime(text); err == nil && !at.IsUndef() {
			if again, err := term.ParseTime(string(at.Append(nil))); err != nil && at.Time().Year() <= 2261 || err == nil && again != at {
				t.Errorf("%q is %d; %s is %d, %v", text, at, at, again, err)
			}
		} else if since, err := parseSince(text, now); err == nil && since >= dbn.UnixNanosOf(now) && !since.IsUndef() {
			t.Errorf("%q is not before now: %s", text, since)
		}
		var stats interval
		if stats.Set(text) == nil && (time.Duration(stats) < 100*time.Millisecond || time.Duration(stats) > 24*time.Hour) {
			t.Errorf("--stats=%q is %s", text, time.Duration(stats))
		}
	})
}

// Symbols of a file are those of its lines, each once, and none that a gateway's line
// could not carry.
func FuzzSymbolsFile(f *testing.F) {
	f.Add("ESZ6, NQZ6\n# all of them\nCLF7 # oil\n,,\r\nESZ6\r\n")
	f.Add("SPX  261218C05000000\nA,,B")
	f.Add("ALL_SYMBOLS\nX")
	f.Fuzz(func(t *testing.T, text string) {
		symbols, err := gatherSymbols(nil, "-", false, strings.NewReader(text))
		if err != nil {
			return
		}
		for i, symbol := range symbols {
			if symbol == "" || strings.TrimSpace(symbol) != symbol || strings.ContainsAny(symbol, ",|#\n\r\x00") || slices.Contains(symbols[:i], symbol) {
				t.Errorf("%q gives the symbols %q", text, symbols)
			}
		}
	})
}

// Any command line is a plan or a mistake in words.
func FuzzCommandLine(f *testing.F) {
	for _, line := range []string{
		"-d GLBX.MDP3 -s trades ESZ6 --since 15m", "-d X -s mbo --snapshot --gateway [::1]:13000 A -o x.csv.zst", "a.dbn b.dbn.zst -n +5 -C --fields a,b",
		"-d X -s mbo A --symbol ES* --where size>1&&side==\"B\" --every 2", "--demo --stats=0.5 -J -p", "-d X -s tbbo --end 2026-11-23 --max-cost 1e3 -y --all-symbols", "--gateway host:0 --heartbeat -5 -l 0 --upgrade v9",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "file") {
			return // would be opened
		}
		p, err := sessionOf(t, nil, strings.Fields(line)...)
		if err != nil {
			if err.Error() == "" {
				t.Errorf("%q is refused without a reason", line)
			}
			return
		}
		if p.Port < 0 || p.Port > 65535 || p.heartbeat < 0 {
			t.Errorf("%q connects to %s:%d, heartbeat %s", line, p.Host, p.Port, p.heartbeat)
		}
	})
}

// The last n records of a file are the last n lines of the whole.
func FuzzLastRecords(f *testing.F) {
	mixed := newTestFile(dbn.SchemaNone).mapping(1, "ESZ6").mbo(0, 3).trade(3).mbo(4, 2)
	f.Add(mixed.bytes(f), uint8(2), false)
	f.Add(newTestFile(dbn.SchemaMbo).mbo(0, 5).bytes(f), uint8(3), true)
	withTsOut := newTestFile(dbn.SchemaMbo)
	withTsOut.metadata.TsOut = true
	f.Add(withTsOut.mbo(0, 4).bytes(f), uint8(1), false)
	path := filepath.Join(f.TempDir(), "x.dbn")
	f.Fuzz(func(t *testing.T, content []byte, n uint8, mboOnly bool) {
		writeFile(t, path, content)
		args := []string{path, "-J", "-q"}
		if mboOnly {
			args = append(args, "-s", "mbo")
		}
		whole, _, code := runFiles(nil, args...)
		if n == 0 || code != exit.OK {
			return
		}
		lines := strings.SplitAfter(whole, "\n")
		lines = lines[:len(lines)-1]
		want := strings.Join(lines[max(0, len(lines)-int(n)):], "")
		if got, messages, code := runFiles(nil, append(args, "-n", strconv.Itoa(int(n)))...); got != want || code != exit.OK {
			t.Errorf("-n %d gives %d: %s\n%s\nof\n%s", n, code, messages, got, whole)
		}
	})
}
