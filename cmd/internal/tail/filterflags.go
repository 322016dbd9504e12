package tail

import (
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/filter"
	"github.com/dbnloop/dbnloop/dbn"
)

// filterFlags choose among the records that come, wherever they come from.
type filterFlags struct {
	symbols     []string
	instruments []string
	publishers  []string
	where       []string
	every       uint64
}

func (f *filterFlags) register(p *pflag.FlagSet) {
	p.StringSliceVar(&f.symbols, "symbol", nil, "only records of symbols that match `GLOB`, such as 'ES*' (repeatable)")
	p.StringSliceVar(&f.instruments, "instrument-id", nil, "only records of instrument `N` (repeatable)")
	p.StringSliceVar(&f.publishers, "publisher", nil, "only records of publisher `NAME|N`, such as GLBX.MDP3.GLBX (repeatable)")
	p.StringArrayVar(&f.where, "where", nil, "only records for which `EXPR` holds, such as 'size >= 100 && side == \"B\"' (repeatable)")
	p.Uint64Var(&f.every, "every", 1, "only the first of each `N` records that are selected")
}

// filter makes the filter; nil when nothing was asked for. Of times it knows those that are given.
func (f *filterFlags) filter(cmd *cobra.Command, start, end dbn.UnixNanos, schemas []dbn.Schema) (*filter.Filter, error) {
	s := filter.Settings{Symbols: f.symbols, Start: start, End: end, Where: f.where, Every: f.every}
	if f.every == 0 {
		return nil, exit.BadUsage("--every 0: want a number of records, 1 or more")
	}
	for _, name := range []string{"symbol", "instrument-id", "publisher"} {
		if list, err := cmd.Flags().GetStringSlice(name); err == nil && cmd.Flags().Changed(name) && len(list) == 0 {
			return nil, exit.BadUsage("--%s is empty: give a value, or leave it out", name)
		}
	}
	for _, text := range f.instruments {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, exit.BadUsage("--instrument-id %q: want a number, 0 to 4294967295", text)
		}
		s.Instruments = append(s.Instruments, uint32(id))
	}
	for _, text := range f.publishers {
		id, err := parsePublisher(text)
		if err != nil {
			return nil, err
		}
		s.Publishers = append(s.Publishers, id)
	}
	made, err := filter.New(s)
	if err == nil {
		err = made.Check(schemas)
	}
	if err != nil {
		return nil, exit.BadUsage("%w", err)
	}
	return made, nil
}

// parsePublisher takes a number, also one that this version does not know, or a name.
func parsePublisher(text string) (uint16, error) {
	if id, err := strconv.ParseUint(text, 10, 16); err == nil {
		return uint16(id), nil
	}
	if publisher, known := dbn.PublisherNamed(text); known {
		return uint16(publisher.ID), nil
	}
	return 0, exit.BadUsage("--publisher %q: want a number or a name, such as GLBX.MDP3.GLBX%s", text, cli.DidYouMean(text, publisherNames()))
}

func publisherNames() (list []string) {
	for _, publisher := range dbn.Publishers() {
		list = append(list, publisher.Name)
	}
	return list
}
