package tail

import (
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// checkFields finds out whether the fields of --fields exist in what was asked for.
func (f *outputFlags) checkFields(r *printed, o *output.Settings) ([]string, error) {
	if len(f.fields) == 0 {
		return nil, nil
	}
	for i := range f.fields {
		f.fields[i] = strings.TrimSpace(f.fields[i])
	}
	if o.Format == output.Table || o.Format == output.DBN {
		return nil, exit.BadUsage("--fields works with -J, -C, -T, -P and -A, not with a %s", o.Format)
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
	for _, name := range f.fields {
		if !slices.Contains(known, name) {
			return nil, exit.BadUsage("--fields: %s has no field %q; it has %s", term.JoinNames(schemas), name, strings.Join(known, ", "))
		}
		if name == "symbol" && !o.Text.MapSymbol {
			return nil, exit.BadUsage("--fields symbol and --no-map-symbols exclude each other")
		}
		if name == "ts_out" && !r.tsOut {
			return nil, exit.BadUsage("--fields ts_out: these records have none; a live stream needs --ts-out for it")
		}
	}
	return f.fields, nil
}
