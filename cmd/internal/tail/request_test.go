package tail

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/profile"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// sessionOf parses the command line of a live session as the program does.
func sessionOf(t testing.TB, env map[string]string, args ...string) (*session, error) {
	t.Helper()
	p := &Program{
		Stdin: strings.NewReader(""), Stdout: new(strings.Builder), Stderr: new(strings.Builder),
		Getenv: func(name string) string { return env[name] },
	}
	return p.session(args)
}

func (p *Program) session(args []string) (*session, error) {
	c, f := &commandLine{Program: p}, new(rootFlags)
	cmd := c.command(f)
	if err := cmd.ParseFlags(args); err != nil {
		return nil, exit.BadUsage("%w", err)
	}
	if err := c.begin(cmd); err != nil {
		return nil, err
	}
	args = cmd.Flags().Args()
	if f.demo {
		if _, err := f.prepareDemo(&args); err != nil {
			return nil, err
		}
	}
	s, _, err := c.session(cmd, f, args)
	return s, err
}

func TestBadCommandLinesAreRefusedInWords(t *testing.T) {
	existing := filepath.Join(t.TempDir(), "there.csv")
	if err := os.WriteFile(existing, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := []string{"-d", "GLBX.MDP3", "-s", "trades", "ESZ6"}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no dataset", []string{"-s", "trades", "ESZ6"}, "no dataset"},
		{"no schema", []string{"-d", "GLBX.MDP3", "ESZ6"}, "no schema"},
		{"no symbols", []string{"-d", "GLBX.MDP3", "-s", "trades"}, "no symbols"},
		{"unknown schema", append(base, "-s", "ticks"), `"ticks" is unknown: want one of mbo`},
		{"unknown stype", append(base, "-i", "isin9"), "--stype-in"},
		{"symbols and all", append(base, "--all-symbols"), "one or the other"},
		{"symbol with a bar", append(base, "A|B"), "cannot have"},
		{"empty symbol", append(base, "A,,B"), "empty symbol"},
		{"snapshot of trades", append(base, "--snapshot"), "--schema mbo alone"},
		{"snapshot and start", []string{"-d", "X", "-s", "mbo", "--snapshot", "--start", "0", "A"}, "exclude each other"},
		{"start and since", append(base, "--start", "0", "--since", "1h"), "exclude each other"},
		{"bad start", append(base, "--start", "yesterday"), `--start: invalid time "yesterday"`},
		{"negative since", append(base, "--since", "-5m"), "greater than zero"},
		{"two formats", append(base, "-J", "-C"), "--csv and --json exclude each other"},
		{"mixed CSV", append(base, "-s", "mbo", "-C"), "give one with --schema"},
		{"CSV with system", append(base, "-C", "--system"), "use -J"},
		{"pretty DBN", append(base, "-D", "-p"), "not for DBN"},
		{"unknown extension", append(base, "-o", "out.bin"), "gives no encoding"},
		{"existing file", append(base, "-o", existing), "--force"},
		{"tee is no DBN", append(base, "--tee", "x.csv"), "must end in .dbn"},
		{"tee is output", append(base, "--tee", "x.dbn", "-o", "./x.dbn"), "same file"},
		{"unknown field", append(base, "-J", "--fields", "prize"), `trades has no field "prize"; did you mean `},
		{"fields of DBN", append(base, "-D", "--fields", "price"), "not for DBN"},
		{"ts_out without it", append(base, "-J", "--fields", "ts_out"), "needs --ts-out"},
		{"unknown field of a template", append(base, "--format", "{symbl}"), `trades has no field "symbl"; did you mean `},
		{"unlike any field", append(base, "--fields", "nonsense"), `no field "nonsense"; it has symbol, ts_out, ts_recv,`},
		{"broken template", append(base, "--format", "{price"), "without a } after it"},
		{"template and form", append(base, "--format", "{price}", "-J"), "--format and --json exclude each other"},
		{"template and fields", append(base, "--format", "{price}", "--fields", "price"), "--fields and --format exclude each other"},
		{"zone of numbers", append(base, "-J", "--tz", "Europe/Paris"), "add --pretty=values"},
		{"zone of DBN", append(base, "-D", "--tz", "Europe/Paris"), "not for DBN"},
		{"mistyped zone", append(base, "-p", "--tz", "America/NewYork"), `--tz "America/NewYork": want an IANA time zone`},
		{"zone that leaves its directory", append(base, "-p", "--tz", "../etc/passwd"), "want an IANA time zone"},
		{"other pretty", append(base, "--pretty=loud"), "want indent or values"},
		{"fragment of text", append(base, "-C", "--fragment"), "--fragment is for DBN"},
		{"limit zero", append(base, "-l", "0"), "1 or more"},
		{"lines zero", append(base, "-n", "0"), "want 1 to"},
		{"lines of words", append(base, "-n", "few"), "N or +N"},
		{"heartbeat", append(base, "--heartbeat", "2"), "5 to 1800"},
		{"gateway", append(base, "--gateway", "host:port"), "HOST:PORT"},
		{"gateway port", append(base, "--gateway", "host:70000"), "1 to 65535"},
		{"upgrade", append(base, "--upgrade", "v4"), "as-is, v2 or v3"},
		{"compression", append(base, "--compression", "gzip"), "none or zstd"},
		{"slow reader", append(base, "--slow-reader", "drop"), "skip or warn"},
		{"color", append(base, "--color", "red"), "auto, always or never"},
		{"stats", append(base, "--stats=0"), "0.1 to 86400"},
		{"unknown flag", append(base, "--colour", "x"), "unknown flag"},
		{"quiet and verbose", append(base, "-q", "-v"), "--quiet and --verbose exclude each other"},
		{"two keys", append(base, "-k", "db-x", "--key-file", "x"), "--key and --key-file exclude each other"},
		{"three formats", append(base, "-J", "-C", "-T"), "--csv, --json and --tsv exclude each other"},
		{"demo elsewhere", []string{"--demo", "-d", "XNAS.ITCH"}, "GLBX.MDP3 only"},
		{"demo with a gateway", []string{"--demo", "--gateway", "a:1"}, "of its own"},
		{"demo as CSV", []string{"--demo", "-C"}, "give one with --schema"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := sessionOf(t, nil, test.args...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if code := exit.FromError(err); code != exit.Usage {
				t.Errorf("exit code %d, want %d", code, exit.Usage)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	list := filepath.Join(t.TempDir(), "symbols.txt")
	if err := os.WriteFile(list, []byte("# two\nNQZ6, CLF7\n\nESZ6 # again\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := sessionOf(t, nil, "-d", "GLBX.MDP3", "-s", "trades,mbo", "-s", "trades", "ESZ6", "--symbols-file", list,
		"--gateway", "[::1]:77", "-n", "+3", "-l", "9", "--upgrade", "as-is", "--ts-out", "--stats", "--start", "2026-11-15T23:00")
	if err != nil {
		t.Fatal(err)
	}
	var schemas []dbn.Schema
	for _, subscription := range p.Subscriptions {
		schemas = append(schemas, subscription.Schema)
		if want := []string{"ESZ6", "NQZ6", "CLF7"}; !slices.Equal(subscription.Symbols, want) {
			t.Errorf("symbols %q, want %q", subscription.Symbols, want)
		}
		if !subscription.HasStart || subscription.Start != 1794783600000000000 {
			t.Errorf("start %d", subscription.Start)
		}
	}
	if want := []dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbo}; !slices.Equal(schemas, want) {
		t.Errorf("schemas %v, want %v", schemas, want)
	}
	if p.Host != "::1" || p.Port != 77 || p.upgrade != dbn.AsIs || !p.tsOut {
		t.Errorf("session %+v", p)
	}
	if p.Selection != (stream.Selection{Limit: 9, Skip: 2}) {
		t.Errorf("selection %+v", p.Selection)
	}
	if p.Output.Format != output.JSON || p.Stats != time.Second {
		t.Errorf("format %v, stats %v", p.Output.Format, p.Stats)
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		text string
		want string // "" is an error
	}{
		{"0", "1970-01-01T00:00:00.000000000Z"},
		{"1794783600000000001", "2026-11-15T23:00:00.000000001Z"},
		{"2026-11-15", "2026-11-15T00:00:00.000000000Z"},
		{"2026-11-15T23:00:00.5Z", "2026-11-15T23:00:00.500000000Z"},
		{"2026-11-15T23:00:00+02:00", "2026-11-15T21:00:00.000000000Z"},
		{"2026-11-15 23:00", "2026-11-15T23:00:00.000000000Z"},
		{"2026-11-15T23:00Z", "2026-11-15T23:00:00.000000000Z"},
		{"2026-11-15 18:00:00-05:00", "2026-11-15T23:00:00.000000000Z"},
		{"20261115", "2026-11-15T00:00:00.000000000Z"},
		{"15m", "2026-11-23T11:45:00.000000000Z"},
		{"1d12h", "2026-11-22T00:00:00.000000000Z"},
		{"1.5d", "2026-11-22T00:00:00.000000000Z"},
		{"1969-12-31", ""},
		{"1794783600", ""},
		{"1794783600000", ""},
		{"0s", ""},
		{"d", ""},
		{"noon", ""},
		{"9999999d", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := parseSince(test.text, now)
			switch {
			case test.want == "" && err == nil:
				t.Errorf("got %s, want an error", got)
			case test.want != "" && (err != nil || got.String() != test.want):
				t.Errorf("got %s %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestKeyIsFoundAndNeverShown(t *testing.T) {
	const secret = "db-secretsecretsecretsecretsecre"
	file := filepath.Join(t.TempDir(), "key")
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.WriteFile(file, []byte(secret+"\n"), 0o600),
		os.WriteFile(open, []byte(secret+"\n"), 0o644), os.Chmod(open, 0o644)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		flags  keyFlags
		env    map[string]string
		keeps  profile.Profile
		origin string
		code   int
	}{
		{"flag", keyFlags{key: secret}, nil, profile.Profile{Key: "other"}, "-k", exit.OK},
		{"file", keyFlags{keyFile: file}, map[string]string{keyVariable: "other"}, profile.Profile{}, "--key-file " + file, exit.OK},
		{"variable", keyFlags{}, map[string]string{keyVariable: secret, keyFileVariable: "/nowhere"}, profile.Profile{KeyFile: "/nowhere"}, keyVariable, exit.OK},
		{"file variable", keyFlags{}, map[string]string{keyFileVariable: file}, profile.Profile{}, keyFileVariable + " (" + file + ")", exit.OK},
		{"profile", keyFlags{}, nil, profile.Profile{Name: "p", File: "config.toml", Key: secret}, "profile p in config.toml", exit.OK},
		{"file of a profile", keyFlags{}, nil, profile.Profile{Name: "p", KeyFile: file}, "profile p (" + file + ")", exit.OK},
		{"none", keyFlags{}, nil, profile.Profile{}, "", exit.Auth},
		{"file for all", keyFlags{keyFile: open}, nil, profile.Profile{}, "--key-file " + open, exit.OK},
		{"missing file", keyFlags{keyFile: file + "x"}, nil, profile.Profile{}, "", exit.Auth},
		{"directory", keyFlags{keyFile: filepath.Dir(file)}, nil, profile.Profile{}, "", exit.Auth},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := test.flags.find(func(name string) string { return test.env[name] }, &test.keeps)
			if exit.FromError(err) != test.code {
				t.Fatalf("error %v, want exit code %d", err, test.code)
			}
			if warned := key.warning != ""; warned != (test.name == "file for all") {
				t.Errorf("warning %q", key.warning)
			}
			if err == nil && (key.value != secret || key.origin != test.origin) {
				t.Errorf("origin %q, want %q", key.origin, test.origin)
			}
			if err != nil && strings.Contains(err.Error(), secret) || strings.Contains(key.String(), secret) {
				t.Error("the key is in a message")
			}
		})
	}
}
