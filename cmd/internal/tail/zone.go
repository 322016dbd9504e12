package tail

import (
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a time zone database

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// parseZone is the time zone of --tz; nil is UTC.
func parseZone(name string) (*time.Location, error) {
	switch strings.ToUpper(name) {
	case "", "UTC", "Z":
		return nil, nil
	case "LOCAL":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		return zone, nil
	}
	hint := cli.DidYouMean(name, zoneNames())
	if hint == "" {
		hint = "; timedatectl list-timezones lists them"
	}
	return nil, exit.BadUsage("--tz %q: want an IANA time zone such as America/New_York, or local, or UTC%s", name, hint)
}

// zoneNames are the zones that this machine knows; none if it has no database.
func zoneNames() (names []string) {
	const directory = "/usr/share/zoneinfo"
	list, err := os.ReadFile(filepath.Join(directory, "tzdata.zi"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(list)) {
		switch words := strings.Fields(line); {
		case len(words) > 1 && words[0] == "Z":
			names = append(names, words[1])
		case len(words) > 2 && words[0] == "L":
			names = append(names, words[2])
		}
	}
	return names
}
