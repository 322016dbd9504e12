// Package config reads what a relay is to do: a TOML file, and the files of keys.
package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
)

// Config is what a relay is to do.
type Config struct {
	Upstream Upstream  `toml:"upstream"`
	Log      Log       `toml:"log"`
	Serve    Serve     `toml:"serve"`
	Admin    Admin     `toml:"admin"`
	Datasets []Dataset `toml:"dataset"`
}

// Upstream is where the records come from.
type Upstream struct {
	// KeyFile holds the API key. Without it the key is in DATABENTO_API_KEY.
	KeyFile string `toml:"key_file"`
	// Gateway is HOST:PORT. Default: the service's for each dataset.
	Gateway string `toml:"gateway"`
	// MaxCost is how many US dollars may be spent on history that the gateway no longer replays. Default: 0.
	MaxCost float64 `toml:"max_cost"`
	// ReplayLimit is how far back the gateway replays; what is older is history. Default: 23h45m.
	ReplayLimit Duration `toml:"replay_limit"`
	// MaxPending is how many bytes may wait for the log before the source is paused. Default: 8 MiB.
	MaxPending Size `toml:"max_pending"`
}

// Log is where the records are kept.
type Log struct {
	Directory   string   `toml:"directory"`
	Listen      string   `toml:"listen"`
	Sync        bool     `toml:"sync"`
	URL         string   `toml:"url"`
	Credentials string   `toml:"credentials"`
	CAFile      string   `toml:"ca_file"`
	Replicas    int      `toml:"replicas"`
	MaxAge      Duration `toml:"max_age"`
	MaxBytes    Size     `toml:"max_bytes"`
	MinFree     Size     `toml:"min_free"`
}

// Serve is whom the records are given to.
type Serve struct {
	Listen           string   `toml:"listen"`
	KeysFile         string   `toml:"keys_file"`
	MaxSessions      int      `toml:"max_sessions"`
	MaxSubscriptions int      `toml:"max_subscriptions"`
	MaxSymbols       int      `toml:"max_symbols"`
	Memory           Size     `toml:"memory"`
	Heartbeat        Duration `toml:"heartbeat"`
}

// Admin is where metrics, health and the status are served. Default: nowhere.
type Admin struct {
	Listen string `toml:"listen"`
}

// Dataset is what is received of a dataset.
type Dataset struct {
	Name          string         `toml:"name"`
	Start         string         `toml:"start"`
	Subscriptions []Subscription `toml:"subscription"`
}

// Subscription is a schema, and the symbols of which it is received.
type Subscription struct {
	Schema  string   `toml:"schema"`
	Symbols []string `toml:"symbols"`
	Stype   string   `toml:"stype"`
}

// Duration is a time.Duration that is written as a text such as 90s, 12h or 7d.
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	days, rest, found := strings.Cut(string(text), "d")
	if !found {
		days, rest = "", string(text)
	}
	var sum time.Duration
	if days != "" {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 {
			return fmt.Errorf("duration %q: want one such as 90s, 12h or 7d", text)
		}
		sum = time.Duration(n) * 24 * time.Hour
	}
	if rest != "" || !found {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return fmt.Errorf("duration %q: want one such as 90s, 12h or 7d", text)
		}
		sum += more
	}
	*d = Duration(sum)
	return nil
}

// Size is a number of bytes that is written as a text such as 512MiB or 100GB.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// UnmarshalText reads it.
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range units {
		number, has := strings.CutSuffix(string(text), unit.name)
		if !has {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0) || n*unit.bytes >= math.MaxInt64 {
			break
		}
		*s = Size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("size %q: want one such as 512MiB or 100GB", text)
}

// Load reads a file. A key that it does not know is an error.
func Load(path string) (Config, error) {
	var c Config
	meta, err := toml.DecodeFile(path, &c)
	if err != nil {
		return c, fmt.Errorf("config %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("config %s: unknown key %q", path, unknown[0].String())
	}
	return c, nil
}

// Check refuses what cannot be done.
func (c *Config) Check() error {
	if len(c.Datasets) == 0 {
		return errors.New("there is no dataset: name one in the configuration, or by --dataset")
	}
	seen := map[string]bool{}
	for _, d := range c.Datasets {
		name := batch.StreamName(d.Name)
		if err := batch.CheckDataset(d.Name); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("dataset %s occurs twice", d.Name)
		}
		seen[name] = true
		if _, err := d.Requests(); err != nil {
			return err
		}
	}
	if _, _, err := c.Upstream.Address(); err != nil {
		return err
	}
	if !(c.Upstream.MaxCost >= 0) {
		return fmt.Errorf("max_cost is %v, want US dollars from 0", c.Upstream.MaxCost)
	}
	for what, address := range map[string]string{"log.listen": c.Log.Listen, "admin.listen": c.Admin.Listen} {
		if address != "" && !IsLoopback(address) {
			return fmt.Errorf("%s is %s: nothing protects it, so only an address of this machine is possible, such as 127.0.0.1:PORT", what, address)
		}
	}
	return nil
}

// Address is the gateway's host and port; "" and 0: the service's.
func (u *Upstream) Address() (host string, port int, err error) {
	if u.Gateway == "" {
		return "", 0, nil
	}
	host, text, err := net.SplitHostPort(u.Gateway)
	number, numberErr := strconv.ParseUint(text, 10, 16)
	if err != nil || numberErr != nil || host == "" || number == 0 {
		return "", 0, fmt.Errorf("gateway %q: want HOST:PORT", u.Gateway)
	}
	return host, int(number), nil
}

// IsLoopback reports whether an address can be reached from this machine only.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Requests are the subscriptions of a dataset.
func (d *Dataset) Requests() ([]dbnloop.Subscription, error) {
	if len(d.Subscriptions) == 0 {
		return nil, fmt.Errorf("dataset %s has no subscription", d.Name)
	}
	start, hasStart, err := ParseStart(d.Start)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Name, err)
	}
	var list []dbnloop.Subscription
	for _, s := range d.Subscriptions {
		schema, err := dbn.ParseSchema(s.Schema)
		if err != nil {
			return nil, fmt.Errorf("dataset %s: unknown schema %q", d.Name, s.Schema)
		}
		symbols := s.Symbols
		if len(symbols) == 0 {
			symbols = []string{dbn.AllSymbols}
		}
		request := dbnloop.NewSubscription(d.Name, schema, symbols...)
		if s.Stype != "" {
			if request.StypeIn, err = dbn.ParseSType(s.Stype); err != nil {
				return nil, fmt.Errorf("dataset %s: unknown stype %q", d.Name, s.Stype)
			}
		}
		request.HasStart, request.Start = hasStart, start
		list = append(list, request)
	}
	return list, nil
}

// ParseStart reads where a log begins: a time, "all" for everything that the gateway retains, or "" for the present.
func ParseStart(text string) (start dbn.UnixNanos, has bool, err error) {
	switch text {
	case "":
		return 0, false, nil
	case "all":
		return 0, true, nil
	}
	start, err = dbn.ParseTime(text)
	if err != nil {
		return 0, false, fmt.Errorf("start %q: want a time such as 2026-11-20T14:30Z, or all", text)
	}
	return start, true, nil
}
