// Package profile reads the file in which a user keeps what would otherwise be typed each time:
// named profiles with a key, a dataset, addresses and limits.
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// PathVariable is the environment variable that names the file. UsualPath is where it is
// otherwise, in words for help.
const (
	PathVariable = "DBNLOOP_CONFIG"
	UsualPath    = "~/.config/dbnloop/config.toml"
)

// Profile is what a user keeps. Flags and the environment come first.
type Profile struct {
	Key      string   `toml:"key"`       // the API key; refused unless the file is its owner's alone
	KeyFile  string   `toml:"key_file"`  // a file that holds the API key; ~/ is the home directory
	Dataset  string   `toml:"dataset"`   // such as GLBX.MDP3
	Gateway  string   `toml:"gateway"`   // HOST:PORT
	HistURL  string   `toml:"hist_url"`  // of the historical API
	CAFile   string   `toml:"ca_file"`   // in PEM; ~/ is the home directory
	MaxCost  *float64 `toml:"max_cost"`  // US dollars a request may cost
	AskAbove float64  `toml:"ask_above"` // US dollars up to which a terminal is not asked

	Name string `toml:"-"` // of the profile
	File string `toml:"-"` // that it comes from
}

// file is what the file holds.
type file struct {
	Profile  string             `toml:"profile"` // the profile that is used unless another one is asked for
	Profiles map[string]Profile `toml:"profiles"`
}

// Path is where the file is: where PathVariable says, or in the user's directory. It is empty
// where there is no such directory.
func Path(getenv func(string) string) string {
	if path := getenv(PathVariable); path != "" {
		return path
	}
	if directory := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(directory) {
		return filepath.Join(directory, "dbnloop", "config.toml")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "dbnloop", "config.toml")
	}
	return ""
}

// Load reads the profile of that name; an empty name means the one that the file names, or the
// only one. A file that does not exist is an error only if a profile was asked for.
func Load(name string, getenv func(string) string) (p Profile, err error) {
	path := Path(getenv)
	required := name != "" || getenv(PathVariable) != ""
	if path == "" {
		if required {
			return p, exit.BadUsage("profile %q: HOME is not set, so there is no %s", name, UsualPath)
		}
		return p, nil
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !required:
		return p, nil
	case err != nil:
		return p, exit.BadUsage("profiles: %w", err)
	}
	var f file
	if err := parse(string(data), &f); err != nil {
		return p, exit.BadUsage("%s: %w", path, err)
	}
	if p, err = f.choose(name); err != nil {
		return p, exit.BadUsage("%s: %w", path, err)
	}
	p.File = path
	if p.Key != "" {
		info, err := os.Stat(path)
		if err != nil {
			return Profile{}, exit.BadUsage("profiles: %w", err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return Profile{}, exit.Fail(exit.Auth, "%s holds an API key and others may read it: chmod 600 %s", path, path)
		}
	}
	for _, name := range []*string{&p.KeyFile, &p.CAFile} {
		if rest, ok := strings.CutPrefix(*name, "~/"); ok {
			*name = filepath.Join(getenv("HOME"), rest)
		}
	}
	return p, nil
}

// parse reads the file strictly: a key that is unknown is a mistake.
func parse(text string, f *file) error {
	meta, err := toml.Decode(text, f)
	if err != nil {
		return withoutText(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		known := []string{"profile", "profiles"}
		switch {
		case len(key) == 3 && key[0] == "profiles":
			known = settings()
		case len(key) > 1: // a table
			known = []string{"profiles", "profile"}
		}
		return fmt.Errorf("%q is unknown: want %s%s", key.String(), strings.Join(known, ", "),
			cli.DidYouMean(mistyped(key), known))
	}
	for name, p := range f.Profiles {
		for setting, usd := range map[string]*float64{"max_cost": p.MaxCost, "ask_above": &p.AskAbove} {
			if usd != nil && (!(*usd >= 0) || math.IsInf(*usd, 1)) {
				return fmt.Errorf("profile %s: %s = %v: want US dollars, 0 or more", name, setting, *usd)
			}
		}
		if p.Key != "" && p.KeyFile != "" {
			return fmt.Errorf("profile %s: key and key_file exclude each other", name)
		}
	}
	return nil
}

// mistyped is the part of an unknown key that is unknown.
func mistyped(key toml.Key) string {
	if key[0] == "profiles" {
		return key[len(key)-1]
	}
	return key[0]
}

// withoutText is an error of the parser without the line of the file, which may be that of a key.
func withoutText(err error) error {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %s", syntax.Position.Line, reason(syntax))
	}
	return errors.New("a value is of the wrong type: want texts in quotes, and numbers for max_cost and ask_above")
}

// reason says what is wrong without a value of the file.
func reason(err toml.ParseError) string {
	if err.LastKey != "" {
		return "the value of " + err.LastKey + " is not valid TOML; texts stand in quotes"
	}
	return "this is not valid TOML"
}

// settings are the names of what a profile may hold.
func settings() (names []string) {
	t := reflect.TypeFor[Profile]()
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("toml"); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// choose finds the profile.
func (f *file) choose(name string) (Profile, error) {
	var names []string
	for name := range f.Profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	if name == "" {
		name = f.Profile
	}
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	if name == "" {
		return Profile{}, nil
	}
	p, found := f.Profiles[name]
	if !found {
		if len(names) == 0 {
			return p, fmt.Errorf("profile %q is unknown: the file has none", name)
		}
		return p, fmt.Errorf("profile %q is unknown: the file has %s%s", name, strings.Join(names, ", "), cli.DidYouMean(name, names))
	}
	p.Name = name
	return p, nil
}
