package tail

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// splitFlags write several files instead of one.
type splitFlags struct {
	splitBy   string
	pattern   string
	splitSize string
	rotate    []string
	captureLog
	splitter *split.Splitter // once the flags are checked; nil: one file
}

func (f *splitFlags) register(p *pflag.FlagSet) {
	p.StringVarP(&f.splitBy, "split-by", "S", "", "write one file for each `WHAT`: symbol, schema, day, week, month, year or size")
	p.StringVarP(&f.pattern, "output-pattern", "O", "", "name these files by `PATTERN`, with {symbol}, {schema}, {date}, {time} or {part}")
	p.StringVar(&f.splitSize, "part-size", "", "with --split-by size, begin a new file once one reaches `SIZE`, such as 1GiB or 500MB")
}

// rotateFlag is --rotate of a live stream.
type rotateFlag struct{ *splitFlags }

func (f rotateFlag) register(p *pflag.FlagSet) {
	p.StringSliceVar(&f.rotate, "rotate", nil, "begin a new file of --output-pattern after `WHAT`: a time or a size, such as 1h, 1GiB or 1h,1GiB")
}

// exclusive marks the flags that exclude each other.
func (f *splitFlags) exclusive(cmd *cobra.Command) {
	for _, flag := range []string{"output", "table", "metadata", "system"} {
		cmd.MarkFlagsMutuallyExclusive("output-pattern", flag)
	}
}

// split checks the flags, and makes several files of the output. The form is known.
func (f *splitFlags) split(o *output.Settings) error {
	options := split.Options{}
	switch {
	case f.splitBy == "" && len(f.rotate) == 0 && f.pattern == "" && f.splitSize == "":
		return nil
	case f.splitBy != "" && len(f.rotate) > 0:
		return exit.BadUsage("--split-by and --rotate: give one of them")
	case f.splitBy == "" && len(f.rotate) == 0:
		return exit.BadUsage("--output-pattern and --part-size need --split-by (or --rotate, for a capture)")
	case f.pattern == "":
		return exit.BadUsage("--split-by and --rotate need --output-pattern, the names of the files")
	case len(f.rotate) > 0 && o.Bare:
		return exit.BadUsage("--fragment does not go with --rotate: each file of a capture needs its header")
	case o.Format == output.Table:
		return exit.BadUsage("tables are not split: give -D, -J, -C or -T, or end the pattern in .dbn, .json, .csv or .tsv")
	}
	var err error
	if options.Pattern, err = split.ParsePattern(f.pattern); err != nil {
		return exit.BadUsage("--output-pattern %q: %w", f.pattern, err)
	}
	if len(f.rotate) > 0 {
		err = f.rotation(&options)
	} else {
		err = f.splitting(&options)
	}
	if err != nil {
		return err
	}
	if options.By == split.Rotate && o.Format == output.DBN {
		f.captureLog.hook(&options)
	}
	if err = options.By.CheckPattern(options.Pattern); err != nil {
		return err
	}
	directory := options.Pattern.Directory()
	if info, err := os.Stat(directory); err != nil {
		return exit.Fail(exit.Failure, "cannot write %s: %w", f.pattern, err)
	} else if !info.IsDir() {
		return exit.BadUsage("--output-pattern %s: %s is not a directory", f.pattern, directory)
	}
	if err := unix.Access(directory, unix.W_OK|unix.X_OK); err != nil {
		return exit.Fail(exit.Failure, "cannot write to the directory %s: %w", directory, err)
	}
	f.splitter = split.New(options)
	o.Many = f.splitter.Sink
	o.BySchema = options.By == split.Schema
	o.Symbols = options.By == split.Symbol || options.Finished != nil
	return nil
}

// splitting checks --split-by and --part-size.
func (f *splitFlags) splitting(o *split.Options) (err error) {
	by, ok := split.ParseBy(f.splitBy)
	switch {
	case !ok:
		return exit.BadUsage("--split-by %q: want %s", f.splitBy, strings.Join(split.Names, ", "))
	case by == split.Size && f.splitSize == "":
		return exit.BadUsage("--split-by size needs --part-size, such as 1GiB")
	case by != split.Size && f.splitSize != "":
		return exit.BadUsage("--part-size is for --split-by size")
	}
	o.By = by
	if by == split.Size {
		if o.MaxSize, err = parseSize(f.splitSize); err != nil {
			return exit.BadUsage("--part-size %w", err)
		}
	}
	return nil
}

// rotation checks --rotate: a duration, a size, or both.
func (f *splitFlags) rotation(o *split.Options) error {
	if f.splitSize != "" {
		return exit.BadUsage("--part-size is for --split-by size: give the size to --rotate")
	}
	o.By = split.Rotate
	for _, text := range f.rotate {
		text = strings.TrimSpace(text)
		size, sizeErr := parseSize(text)
		every, err := term.ParseDuration(text)
		switch {
		case sizeErr == nil && o.MaxSize == 0:
			o.MaxSize = size
		case err == nil && o.Every == 0:
			if every < time.Second || every > 366*day || every%day != 0 && day%every != 0 {
				return exit.BadUsage("--rotate %s: want 1s to 366d that divides a day or consists of days, such as 15m, 1h or 1d", text)
			}
			o.Every = every
		case sizeErr == nil || err == nil:
			return exit.BadUsage("--rotate %s: one duration and one size can be given", strings.Join(f.rotate, ","))
		default:
			return exit.BadUsage("--rotate %q: want a duration such as 1h, a size such as 1GiB, or both: 1h,1GiB", text)
		}
	}
	return nil
}

const day = 24 * time.Hour

// sizeUnits are those of a size. One without a unit is in bytes.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// parseSize reads a size such as 1GiB, 500MB or 1000000.
func parseSize(text string) (int64, error) {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := n * unit.bytes; err == nil && bytes >= 1024 && bytes <= math.MaxInt64/2 { // NaN neither
			return int64(bytes), nil
		}
		break
	}
	return 0, exit.BadUsage("%q: want a size of at least 1KiB, such as 1GiB, 500MB or 1000000", text)
}
