package tail

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// statsFlags ask for statistics.
type statsFlags struct{ stats interval }

func (f *statsFlags) register(p *pflag.FlagSet) {
	p.Var(&f.stats, "stats", "print a line of statistics every `SECONDS`; a number that follows is the interval, never a symbol")
	p.Lookup("stats").NoOptDefVal = "1"
}

// interval is the value of --stats; 0: none.
type interval time.Duration

func (s *interval) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

// Set reads seconds.
func (s *interval) Set(text string) error {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0.1 && seconds <= 86400) {
		return fmt.Errorf("want seconds, 0.1 to 86400")
	}
	*s = interval(seconds * float64(time.Second))
	return nil
}

// Type names the value in the help text.
func (*interval) Type() string { return "SECONDS" }

var plainNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// joinValues makes --stats 5 the same as --stats=5, as with --wait, and --pretty values as --pretty=values. These
// values may be left out, so pflag takes them after the equals sign alone; a number would become a
// symbol, or an instrument that is paid for. Any other word after these flags stays what it is.
func joinValues(args []string) []string {
	var joined []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if i+1 < len(args) && ((arg == "--stats" || arg == "--wait") && plainNumber.MatchString(args[i+1]) || arg == "--pretty" && args[i+1] == "values") {
			i++
			arg += "=" + args[i]
		}
		joined = append(joined, arg)
	}
	return joined
}
