package tail

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/profile"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

func TestAnEmptySelectionSaysWhy(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "trades.dbn"), newTestFile(dbn.SchemaTrades).trade(1).trade(2).bytes(t))
	for _, args := range [][]string{{"-J"}, {"-C"}, {"-D"}, {"--table"}, {"-J", "-n", "3"}} {
		out, messages, code := runFiles(nil, append(args, "-s", "mbo", file)...)
		want := "dbn-tail: warning: no record of schema mbo was found; in " + file + " there are records of other types: trades 2\n"
		if messages != want || code != exit.OK {
			t.Errorf("%v: %q, exit code %d, %d bytes", args, messages, code, len(out))
		}
	}
	for _, args := range [][]string{{"-J", "-s", "trades"}, {"-J", "-s", "mbo,trades"}, {"-s", "mbo", "-m"}, {"-J", "-s", "mbo", "-q"}} {
		if _, messages, code := runFiles(nil, append(args, file)...); messages != "" || code != exit.OK {
			t.Errorf("%v: %q, exit code %d", args, messages, code)
		}
	}
}

func TestTheVersionOfAFragmentNeedsAFragment(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 1).bytes(t))
	for _, args := range [][]string{{"--input-dbn-version", "3", file}, {"--ts-out", file}} {
		if out, messages, code := runFiles(nil, args...); out != "" || code != exit.Usage || !strings.Contains(messages, "--input-fragment") {
			t.Errorf("%v: %q, exit code %d", args, messages, code)
		}
	}
	for _, flag := range []string{"--input-fragment", "--input-dbn-version=2"} {
		_, messages, code := runFiles(nil, "-d", "GLBX.MDP3", "-s", "trades", flag, "ESZ6")
		if code != exit.Usage || !strings.Contains(messages, "records without metadata") {
			t.Errorf("live, %s: %q, exit code %d", flag, messages, code)
		}
	}
}

func TestTheSendTimeOfFragments(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo)
	file.metadata.TsOut = true
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn.frag"), file.mbo(0, 2).records)
	fields := []string{"--input-fragment", "-C", "-s", "mbo", "--omit-header"}
	out, messages, code := runFiles(nil, append(slices.Clone(fields), "--ts-out", "--fields", "sequence,ts_out", path)...)
	if out != "0,1\n1,1\n" || messages != "" || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
	out, messages, code = runFiles(nil, append(slices.Clone(fields), "--fields", "sequence", path)...)
	if out != "0\n1\n" || strings.Count(messages, "\n") != 1 || !strings.Contains(messages, "--ts-out prints it") || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
	plain := writeFile(t, filepath.Join(t.TempDir(), "y.dbn.frag"), newTestFile(dbn.SchemaMbo).mbo(0, 2).records)
	if out, messages, code = runFiles(nil, append(slices.Clone(fields), "--fields", "sequence", plain)...); messages != "" || code != exit.OK {
		t.Errorf("without: %q, %q, exit code %d", out, messages, code)
	}
}

func TestSymbolFilesOfEveryEditor(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("ABCDEFG,", 20_000), ",") // one line of 160 kB
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"byte order mark": {"\ufeffESZ6\r\nNQZ6\r\n", []string{"ESZ6", "NQZ6"}},
		"no last newline": {"# c\nESZ6", []string{"ESZ6"}},
		"a long line":     {long + "\nESZ6\n", []string{"ABCDEFG", "ESZ6"}},
		"a long comment":  {"ESZ6 # " + strings.Repeat("x", 100_000), []string{"ESZ6"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "symbols"), []byte(test.content))
			p, err := sessionOf(t, nil, "-d", "GLBX.MDP3", "-s", "trades", "--symbols-file", path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, p.Subscriptions[0].Symbols); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeysOfTheEnvironmentAreTrimmed(t *testing.T) {
	const secret = "db-secretsecretsecretsecretsecre"
	file := writeFile(t, filepath.Join(t.TempDir(), "key"), []byte(secret+"\n"))
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range []map[string]string{
		{keyVariable: secret + "\n"}, {keyVariable: " " + secret + "\r\n"}, {keyVariable: "\n", keyFileVariable: file + "\n"},
	} {
		key, err := new(keyFlags).find(func(name string) string { return env[name] }, new(profile.Profile))
		if err != nil || key.value != secret {
			t.Errorf("%q: %v", env, err)
		}
	}
}

func TestListsMayHaveSpaces(t *testing.T) {
	p, err := sessionOf(t, nil, "-d", "GLBX.MDP3", "-s", "trades, mbo", "-J", "--fields", "price, size ,symbol", "ESZ6, NQZ6")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"price", "size", "symbol"}, p.Output.Fields); diff != "" {
		t.Error(diff)
	}
	var schemas []dbn.Schema
	for _, subscription := range p.Subscriptions {
		schemas = append(schemas, subscription.Schema)
	}
	if diff := cmp.Diff([]dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbo}, schemas); diff != "" {
		t.Error(diff)
	}
}

func TestADashIsStandardOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	data := newTestFile(dbn.SchemaMbo).mbo(0, 2).bytes(t)
	for _, args := range [][]string{{"-o", "-"}, {"-o", "-", "-C"}, {"--output=-", "-D"}} {
		out, messages, code := runFiles(bytes.NewReader(data), append(args, "-")...)
		if out == "" || messages != "" || code != exit.OK {
			t.Errorf("%v: %q, %q, exit code %d", args, out, messages, code)
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestSymbolicLinksAreWrittenThrough(t *testing.T) {
	data := newTestFile(dbn.SchemaMbo).mbo(0, 2).bytes(t)
	for _, test := range []struct {
		name   string
		exists bool
		args   []string
	}{{"to a file", true, []string{"--force"}}, {"to nothing", false, nil}, {"to nothing, by force", false, []string{"--force"}}} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
				t.Fatal(err)
			}
			final := filepath.Join(dir, "data", "real.csv")
			if test.exists {
				writeFile(t, final, []byte("old"))
			}
			link := filepath.Join(dir, "link.csv")
			if err := errors.Join(os.Symlink("second", link), os.Symlink("data/real.csv", filepath.Join(dir, "second"))); err != nil {
				t.Fatal(err)
			}
			if _, messages, code := runFiles(bytes.NewReader(data), append(test.args, "-o", link, "-")...); code != exit.OK {
				t.Fatalf("exit code %d, %s", code, messages)
			}
			if to, err := os.Readlink(link); err != nil || to != "second" {
				t.Errorf("the link is %q, %v", to, err)
			}
			if text, err := os.ReadFile(final); err != nil || bytes.Count(text, []byte("\n")) != 3 {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	if got := target("/dev/stdout"); got != "/dev/stdout" {
		info, err := os.Stat("/dev/stdout")
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("standard output became %q", got)
		}
	}
}

func TestTheWordAfterStats(t *testing.T) {
	for args, want := range map[string]string{
		"--stats 5 ESZ6":                        "--stats=5 ESZ6",
		"--stats 0.5":                           "--stats=0.5",
		"--stats=5 7":                           "--stats=5 7",
		"--stats ESZ6":                          "--stats ESZ6",
		"--stats 5s":                            "--stats 5s",
		"--stats":                               "--stats",
		"--stats --stats 3":                     "--stats --stats=3",
		"hist --stats 5122 4916 -i parent":      "hist --stats=5122 4916 -i parent",
		"--stats -1":                            "--stats -1",
		"-- --stats 5":                          "-- --stats 5",
		"--stats 99999999 -d X":                 "--stats=99999999 -d X",
		"--stats ES.FUT 5":                      "--stats ES.FUT 5",
		"-i instrument_id 5122 --stats 10 4916": "-i instrument_id 5122 --stats=10 4916",
	} {
		if got := strings.Join(joinValues(strings.Fields(args)), " "); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	stdin := strings.NewReader("")
	if _, messages, code := runFiles(stdin, "--stats", "99999999", "-"); code != exit.Usage || !strings.Contains(messages, "0.1 to 86400") {
		t.Errorf("%q, exit code %d", messages, code)
	}
}

func TestMessagesSpeakTheLanguageOfTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	empty := writeFile(t, filepath.Join(dir, "empty.dbn"), nil)
	live := newTestFile(dbn.SchemaNone)
	live.metadata.StypeIn = dbn.STypeNone
	a := writeFile(t, filepath.Join(dir, "a.dbn"), live.mbo(0, 1).bytes(t))
	b := writeFile(t, filepath.Join(dir, "b.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 1).bytes(t))
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"-l", "x", b}, `--limit "x": want a whole number, 0 or more`, exit.Usage},
		{[]string{"--heartbeat", "soon", "-d", "X"}, `--heartbeat "soon": want a whole number`, exit.Usage},
		{[]string{"--input-dbn-version", "300", b}, `--input-dbn-version "300": want a whole number, 0 to 255`, exit.Usage},
		{[]string{"hist", "--max-cost", "cheap"}, `--max-cost "cheap": want a number`, exit.Usage},
		{[]string{"--json=perhaps", b}, `--json "perhaps": want true or false`, exit.Usage},
		{[]string{"--instrument-id", "ESZ6", b}, `--instrument-id "ESZ6": want a number, 0 to 4294967295`, exit.Usage},
		{[]string{"--publisher", "70000", b}, `--publisher "70000": want a number or a name`, exit.Usage},
		{[]string{"--every", "-1", b}, `--every "-1": want a whole number, 0 or more`, exit.Usage},
		{[]string{"--symbol", "", b}, `--symbol is empty: give a value, or leave it out`, exit.Usage},
		{[]string{"--where", "", b}, `--where: column 1: the expression is empty`, exit.Usage},
		{[]string{"--start", "yesterday", b}, `--start: invalid time "yesterday"`, exit.Usage},
		{[]string{"--since", "tomorrow", b}, `--since: "tomorrow" is neither a duration`, exit.Usage},
		{[]string{"--stats=often", b}, `--stats "often": want seconds, 0.1 to 86400`, exit.Usage},
		{[]string{empty}, "empty.dbn is empty", exit.Partial},
		{[]string{a, b}, "none (a live capture) and raw_symbol", exit.Failure},
	} {
		_, messages, code := runFiles(nil, test.args...)
		if code != test.code || !strings.Contains(messages, test.want) || strings.Count(messages, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q; want %q", test.args, code, messages, test.want)
		}
		for _, word := range []string{"strconv", "unexpected EOF", "unknown(255)", "upgrade_policy"} {
			if strings.Contains(messages, word) {
				t.Errorf("%v: %q", test.args, messages)
			}
		}
	}
	for _, text := range []string{
		"which cannot be upgraded to version 2; set upgrade_policy to AsIs or UpgradeToV3 (gateway x)",
		"the metadata is larger than 9 bytes; raise max_metadata if the stream is really so large",
	} {
		if got := term.InFlags(text); strings.Contains(got, "_") {
			t.Errorf("%q", got)
		}
	}
}

// fullDevice fails like /dev/full.
type fullDevice struct{}

func (fullDevice) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: os.ErrInvalid}
}

func TestHelpThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"hist", "--help"}, {"--version"}, {"completion", "bash"}, {"help"}, {"help", "batch"}} {
		for stdout, want := range map[io.Writer]int{fullDevice{}: exit.Failure, io.Discard: exit.OK} {
			var messages bytes.Buffer
			p := &Program{Version: "1", Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &messages, Getenv: func(string) string { return "" }}
			if code := p.Run(args); code != want || (messages.Len() > 0) != (want != exit.OK) {
				t.Errorf("%v: exit code %d, want %d; %s", args, code, want, messages.String())
			}
		}
	}
}

func TestTheHelpOfACommandIsAboutTheCommand(t *testing.T) {
	help := func(args ...string) string {
		t.Helper()
		out, messages, code := runFiles(nil, append(args, "--help")...)
		if code != exit.OK || messages != "" {
			t.Fatalf("%v: exit code %d, %s", args, code, messages)
		}
		return out
	}
	if text := help(); !strings.Contains(text, "129") || !strings.Contains(text, "SIGHUP") {
		t.Error("the exit code after SIGHUP is missing")
	}
	for _, command := range [][]string{{"hist"}, {"batch", "submit"}, {"batch", "download"}, {"prices"}, {"range"}, {"resolve"}} {
		_, flags, found := strings.Cut(help(command...), "\n\nUsage:")
		if !found {
			t.Fatalf("%v: no usage", command)
		}
		for _, other := range []string{"live", "-f,", "for files", "as with the command hist"} {
			if strings.Contains(flags, other) {
				t.Errorf("%v: the help has %q", command, other)
			}
		}
	}
}
