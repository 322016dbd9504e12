package cli

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestVersions(t *testing.T) {
	for _, test := range []struct{ linked, module, want string }{
		{"0.3.0", "v0.2.0", "0.3.0"}, {"", "v0.2.0", "v0.2.0"}, {"", "(devel)", "dev"}, {"", "", "dev"},
	} {
		if got := versionOf(test.linked, test.module); got != test.want {
			t.Errorf("linked %q, module %q: %q, want %q", test.linked, test.module, got, test.want)
		}
	}
}

func TestMistakesInFlagsNameNoFunctionOfGo(t *testing.T) {
	cmd := &cobra.Command{Use: "x"}
	f := cmd.Flags()
	f.Uint64P("limit", "l", 0, "")
	f.Int("heartbeat", 0, "")
	f.Int64("count", 0, "")
	f.Uint8("version", 0, "")
	f.Float64("cost", 0, "")
	f.Duration("delay", time.Second, "")
	f.Bool("json", false, "")
	f.StringSlice("fields", nil, "")
	for args, want := range map[string]string{
		"-l=x":             `--limit "x": want a whole number, 0 or more`,
		"--limit=-1":       `--limit "-1": want a whole number, 0 or more`,
		"--heartbeat=1e3":  `--heartbeat "1e3": want a whole number`,
		"--count=many":     `--count "many": want a whole number`,
		"--version=300":    `--version "300": want a whole number, 0 to 255`,
		"--cost=cheap":     `--cost "cheap": want a number`,
		"--delay=5":        `--delay "5": want a duration such as 30s or 5m`,
		"--json=perhaps":   `--json "perhaps": want true or false`,
		"--fields=a,\"b,c": `--fields "a,\"b,c": `,
		"--nonsense":       "unknown flag: --nonsense",
		"--lmit=1":         "unknown flag: --lmit; did you mean --limit?",
		"--heart-beat=1":   "unknown flag: --heart-beat; did you mean --heartbeat?",
	} {
		err := FlagError(cmd, f.Parse([]string{args}))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "strconv") {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

func TestFlagsThatExcludeEachOtherAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"":                   "",
		"--csv":              "",
		"--csv --json":       "--csv and --json exclude each other: give one of them",
		"--json --tsv --csv": "--csv, --json and --tsv exclude each other: give one of them",
		"--json=false --tsv": "--json and --tsv exclude each other: give one of them",
	} {
		cmd := &cobra.Command{Use: "x"}
		for _, name := range []string{"csv", "json", "tsv"} {
			cmd.Flags().Bool(name, false, "")
		}
		cmd.MarkFlagsMutuallyExclusive("csv", "json", "tsv")
		if err := cmd.ParseFlags(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := CheckExclusive(cmd); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	cmd := &cobra.Command{Use: "x"} // cobra's text about other groups stays
	cmd.Flags().Bool("a", false, "")
	cmd.Flags().Bool("b", false, "")
	cmd.MarkFlagsRequiredTogether("a", "b")
	if err := errors.Join(cmd.ParseFlags([]string{"--a"}), CheckExclusive(cmd)); err == nil || !strings.Contains(err.Error(), "missing [b]") {
		t.Errorf("%v", err)
	}
}

func TestAFullDeviceIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	out := &Output{W: full}
	if out.Err() != nil {
		t.Error(out.Err())
	}
	_, err = out.Write([]byte("x"))
	if err == nil || out.Err() == nil || out.Err().Error() != "cannot write to standard output: no space left on device" {
		t.Errorf("%v, %v", err, out.Err())
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	gone := &Output{W: w}
	if _, err := gone.Write([]byte("x")); err == nil || gone.Err() != nil {
		t.Errorf("%v, %v", err, gone.Err())
	}
}
