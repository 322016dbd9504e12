package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

const secret = "db-secretsecretsecretsecretsecre"

const two = `profile = "futures"

[profiles.futures]
key_file = "~/futures.key"
dataset = "GLBX.MDP3"
max_cost = 5
ask_above = 0.5

[profiles.test]
gateway = "127.0.0.1:13000"
hist_url = "http://127.0.0.1:8080"
ca_file = "/etc/ca.pem"
`

// write makes a home directory with a file of profiles.
func write(t *testing.T, text string, mode os.FileMode) (path string, getenv func(string) string) {
	home := t.TempDir()
	path = filepath.Join(home, ".config", "dbnloop", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path, func(name string) string { return map[string]string{"HOME": home}[name] }
}

func TestProfiles(t *testing.T) {
	path, getenv := write(t, two, 0o644)
	limit := 5.0
	home := getenv("HOME")
	futures := Profile{
		KeyFile: filepath.Join(home, "futures.key"), Dataset: "GLBX.MDP3", MaxCost: &limit, AskAbove: 0.5,
		Name: "futures", File: path,
	}
	for name, want := range map[string]Profile{
		"":        futures,
		"futures": futures,
		"test": {
			Gateway: "127.0.0.1:13000", HistURL: "http://127.0.0.1:8080", CAFile: "/etc/ca.pem",
			Name: "test", File: path,
		},
	} {
		got, err := Load(name, getenv)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}

func TestWhereTheFileIs(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{PathVariable: "x.toml", "XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "x.toml"},
		{map[string]string{"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/dbnloop/config.toml"},
		{map[string]string{"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/dbnloop/config.toml"},
		{map[string]string{"HOME": "/h"}, "/h/.config/dbnloop/config.toml"},
		{nil, ""},
	} {
		getenv := func(name string) string { return test.env[name] }
		if got := Path(getenv); got != test.want {
			t.Errorf("%v: %q, want %q", test.env, got, test.want)
		}
	}
	nothing := func(name string) string { return map[string]string{"HOME": "/nowhere"}[name] }
	if p, err := Load("", nothing); err != nil || p.Name != "" {
		t.Errorf("no file: %+v, %v", p, err)
	}
	if _, err := Load("p", nothing); exit.FromError(err) != exit.Usage {
		t.Errorf("a profile without a file: %v", err)
	}
	if _, err := Load("p", func(string) string { return "" }); exit.FromError(err) != exit.Usage {
		t.Errorf("a profile without a home: %v", err)
	}
	named := func(name string) string { return map[string]string{PathVariable: "/nowhere.toml"}[name] }
	if _, err := Load("", named); exit.FromError(err) != exit.Usage {
		t.Errorf("a file that is named and missing: %v", err)
	}
}

func TestMistakesInProfilesAreNamedWithoutTheKey(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		mode os.FileMode
		ask  string
		want string // in the message; empty: no error
		code int
	}{
		"a key of one's own":      {"[profiles.p]\nkey = \"" + secret + "\"\n", 0o600, "", "", exit.OK},
		"a key that others read":  {"[profiles.p]\nkey = \"" + secret + "\"\n", 0o640, "", "chmod 600", exit.Auth},
		"an unknown profile":      {two, 0o644, "future", "did you mean futures?", exit.Usage},
		"no profile":              {"", 0o644, "p", "the file has none", exit.Usage},
		"an unknown setting":      {"[profiles.p]\ndatset = \"X\"\n", 0o644, "", "did you mean dataset?", exit.Usage},
		"an unknown table":        {"[profile.p]\ndataset = \"X\"\n", 0o644, "", "not valid TOML|wrong type", exit.Usage},
		"another unknown table":   {"[profils.p]\ndataset = \"X\"\n", 0o644, "", "did you mean profiles?", exit.Usage},
		"a key without quotes":    {"[profiles.p]\nkey = " + secret + "\n", 0o600, "", "line 2: the value of profiles.p.key", exit.Usage},
		"a key of the wrong type": {"[profiles.p]\nkey = 5\n", 0o600, "", "wrong type", exit.Usage},
		"a negative limit":        {"[profiles.p]\nmax_cost = -1.0\n", 0o644, "", "max_cost = -1: want US dollars", exit.Usage},
		"no number":               {"[profiles.p]\nask_above = nan\n", 0o644, "", "ask_above = NaN: want US dollars", exit.Usage},
		"no profile in a name":    {"profile = \"p\"\n", 0o644, "", "the file has none", exit.Usage},
		"two keys":                {"[profiles.p]\nkey = \"x\"\nkey_file = \"y\"\n", 0o600, "", "exclude each other", exit.Usage},
		"no TOML":                 {"\x00\xff{{{", 0o644, "", "not valid TOML", exit.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			_, getenv := write(t, test.text, test.mode)
			_, err := Load(test.ask, getenv)
			if code := exit.FromError(err); code != test.code {
				t.Fatalf("exit code %d, %v", code, err)
			}
			if err == nil {
				return
			}
			found := false
			for _, want := range strings.Split(test.want, "|") {
				found = found || strings.Contains(err.Error(), want)
			}
			if !found || strings.Contains(err.Error(), secret) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
