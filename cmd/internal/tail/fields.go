package tail

import (
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// checkFields finds out whether the fields of --fields, or of --format, exist in what was asked
// for. It gives those of --fields.
func (f *outputFlags) checkFields(r *printed, o *output.Settings) ([]string, error) {
	for i := range f.fields {
		f.fields[i] = strings.TrimSpace(f.fields[i])
	}
	wanted, flag := f.fields, "--fields"
	if o.Template != nil {
		wanted, flag = o.Template.Fields(), "--format"
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	if o.Format == output.DBN {
		return nil, exit.BadUsage("--fields is for text, Parquet and Arrow, not for DBN")
	}
	known := []string{"symbol", "ts_out"}
	schemas := r.schemas
	if len(schemas) == 0 { // a file with a mix: what is in it shows only later
		schemas = dbn.AllSchemas()
	}
	for _, schema := range schemas {
		rtype, _ := dbn.RTypeOf(schema)
		for version := uint8(1); version <= dbn.Version; version++ {
			for _, c := range dbn.ColumnsFor(rtype, version) {
				if !slices.Contains(known, c.Name) {
					known = append(known, c.Name)
				}
			}
		}
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, unknownField(flag, name, r.schemas, known)
		}
		if name == "symbol" && !o.Text.MapSymbol {
			return nil, exit.BadUsage("%s symbol and --no-map-symbols exclude each other", flag)
		}
		if name == "ts_out" && !r.tsOut {
			return nil, exit.BadUsage("%s ts_out: these records have none; a live stream needs --ts-out for it", flag)
		}
	}
	return f.fields, nil
}

// unknownField names the nearest field, or all that there are.
func unknownField(flag, name string, schemas []dbn.Schema, known []string) error {
	what := "no schema has a field"
	if len(schemas) > 0 {
		what = term.JoinNames(schemas) + " has no field"
	}
	hint := cli.DidYouMean(name, known)
	if hint == "" {
		hint = "; it has " + strings.Join(known, ", ")
		if len(schemas) != 1 {
			hint = "; the command fields lists those of a schema"
		}
	}
	return exit.BadUsage("%s: %s %q%s", flag, what, name, hint)
}
