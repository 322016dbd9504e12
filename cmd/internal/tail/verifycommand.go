package tail

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/verify"
	"github.com/dbnloop/dbnloop/dbn"
)

// verifyFlags are those of verify.
type verifyFlags struct {
	json, all, againstAPI bool
	decodeFlags
	apiFlags
}

func (f *verifyFlags) register(p *pflag.FlagSet) {
	p.BoolVar(&f.againstAPI, "against-api", false, "compare the numbers of records with those of the historical API, free of charge")
	p.BoolVarP(&f.all, "all", "a", false, "also print what is as it should be")
	p.BoolVarP(&f.json, "json", "J", false, "print JSON, one finding a line")
	p.Uint32Var(&f.maxMetadata, "max-metadata", 1024, "refuse DBN headers larger than `MIB` mebibytes, 1 to 4096")
	f.apiFlags.register(p)
}

func (c *commandLine) verifyCommand() *cobra.Command {
	f := new(verifyFlags)
	cmd := &cobra.Command{
		Use:   "verify MANIFEST|DIRECTORY|FILE...",
		Short: "Check that files are complete, unchanged and without gaps",
		Long: `verify checks the files of a capture against its manifest: no file is missing, cut off,
changed or added, checksums, counts and times are as noted, records are in order from file to file,
and no gap remains. DBN files without a manifest are checked by themselves and against each
other: they are complete, their order is not broken, and the ranges that were requested
neither overlap nor leave a time between them.

--against-api also compares the numbers of records with those that the historical API has,
for each schema, the symbols and the range of the files.

A line is printed for each finding, and a summary. A gap is data that is missing, cut off
or not in the manifest (exit code 3); what is corrupt was changed, or cannot be read as
DBN (5). Both together are 5, and 1 if something could not be checked at all.`,
		Example: `  dbn-tail verify captures/
  dbn-tail verify --all captures/manifest.jsonl
  dbn-tail verify --against-api 2026-11-*.dbn.zst`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.verify(cmd, f, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"dbn", "zst", "jsonl"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	f.keyFlags.exclusive(cmd)
	return cmd
}

func (c *commandLine) verify(cmd *cobra.Command, f *verifyFlags, args []string) error {
	if len(args) == 0 {
		return exit.BadUsage("verify: name a manifest, a directory or a DBN file")
	}
	limit, err := f.metadataLimit()
	if err != nil {
		return err
	}
	o := verify.Options{
		JSON: f.json, All: f.all, Decode: []dbn.DecoderOption{dbn.WithMaxMetadata(limit)}, Stdout: c.Stdout, Stderr: c.Stderr,
	}
	if !f.againstAPI {
		if err := refuse(cmd, "is for --against-api", new(apiFlags)); err != nil {
			return err
		}
		return verify.Run(args, o)
	}
	client, err := c.openHistorical(&f.apiFlags)
	if err != nil {
		return err
	}
	defer client.Close()
	o.Count = client.RecordCount
	return verify.Run(args, o)
}
