package tail

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// The gateway skips records of mbp-1 by default for a reader that is too slow: a capture has
// no holes all the same, because it asks for a warning.
func TestCapturesAskForAWarningInsteadOfSkipping(t *testing.T) {
	for _, test := range []struct {
		name, args string
		redirected bool // standard output is a file
		asked      string
		code       int
	}{
		{"to a program", "-J", false, "", exit.Partial},
		{"to a file", "-o DIR/x.dbn", false, "warn", exit.OK},
		{"to a file beside", "-J --tee DIR/x.dbn.zst", false, "warn", exit.OK},
		{"to a redirected file", "-D", true, "warn", exit.OK},
		{"as the user wants", "-o DIR/x.csv --slow-reader skip", false, "skip", exit.Partial},
		{"as the user wants, without a file", "-J --slow-reader warn", false, "warn", exit.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := sim.Config{AtEnd: sim.CloseAtEnd}
			if err := config.Faults.ParseFault("slow-reader=10,5"); err != nil {
				t.Fatal(err)
			}
			gw, dir := simtest.Gateway(t, config), t.TempDir()
			var stdout io.Writer = new(strings.Builder)
			if test.redirected {
				file, err := os.Create(filepath.Join(dir, "stdout"))
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				stdout = file
			}
			var stderr strings.Builder
			p := &Program{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &stderr, Getenv: func(string) string { return "" }}
			args := strings.Fields("-k " + sim.TestKey + " -d GLBX.MDP3 -s mbp-1 -l 500 --gateway " + gw.Addr() + " " + strings.ReplaceAll(test.args, "DIR", dir) + " ESZ6")
			code := p.Run(args)
			if code != test.code {
				t.Errorf("exit code %d, want %d: %s", code, test.code, stderr.String())
			}
			if asked := gw.Sessions()[0].Auth["slow_reader_behavior"]; asked != test.asked {
				t.Errorf("slow_reader_behavior %q, want %q", asked, test.asked)
			}
		})
	}
}
