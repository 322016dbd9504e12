package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// request is one subscription as the client sent it: one line, or several with the same id
// of which only the last has is_last=1.
type request struct {
	id       uint32
	hasID    bool
	schema   dbn.Schema
	stypeIn  dbn.SType
	symbols  []string
	start    dbn.UnixNanos
	hasStart bool
	snapshot bool
	last     bool
}

// parseRequest reads one subscription line. Unknown keys are ignored.
func parseRequest(line string) (request, error) {
	r := request{stypeIn: dbn.STypeRawSymbol, last: true}
	fields, err := parseFields(line)
	if err != nil {
		return r, err
	}
	// The id comes first, so that an error in another field can name it.
	if text, ok := fields["id"]; ok {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return r, fmt.Errorf("id %q is not a 32-bit number", text)
		}
		r.id, r.hasID = uint32(id), true
	}
	readers := map[string]func(*request, string) error{
		"schema": readSchema, "stype_in": readSType, "symbols": readSymbols, "start": readStart,
		"snapshot": func(r *request, v string) (err error) { r.snapshot, err = readBool("snapshot", v); return },
		"is_last":  func(r *request, v string) (err error) { r.last, err = readBool("is_last", v); return },
	}
	for _, key := range slices.Sorted(maps.Keys(readers)) {
		value, ok := fields[key]
		if !ok {
			continue
		}
		if err := readers[key](&r, value); err != nil {
			return r, err
		}
	}
	for _, key := range []string{"schema", "symbols"} {
		if _, ok := fields[key]; !ok {
			return r, fmt.Errorf("%s is missing", key)
		}
	}
	return r, r.check()
}

// check refuses what contradicts itself.
func (r *request) check() error {
	if r.snapshot && r.schema != dbn.SchemaMbo {
		return fmt.Errorf("snapshot is for schema mbo only, not for %s", r.schema)
	}
	if r.snapshot && r.hasStart {
		return fmt.Errorf("snapshot and start exclude each other")
	}
	if slices.Contains(r.symbols, dbn.AllSymbols) && len(r.symbols) > 1 {
		return fmt.Errorf("%s stands alone, without other symbols", dbn.AllSymbols)
	}
	return nil
}

// sameGroup tells whether a later chunk belongs to the subscription of this one.
func (r *request) sameGroup(chunk *request) bool {
	return r.schema == chunk.schema && r.stypeIn == chunk.stypeIn && r.snapshot == chunk.snapshot &&
		r.hasStart == chunk.hasStart && r.start == chunk.start
}

func readSchema(r *request, text string) (err error) {
	if r.schema, err = dbn.ParseSchema(text); err != nil {
		return fmt.Errorf("unknown schema %q", text)
	}
	return nil
}

func readSType(r *request, text string) (err error) {
	if r.stypeIn, err = dbn.ParseSType(text); err != nil {
		return fmt.Errorf("unknown stype_in %q", text)
	}
	return nil
}

func readSymbols(r *request, text string) error {
	r.symbols = strings.SplitN(text, ",", maxSymbolsLine+1)
	if len(r.symbols) > maxSymbolsLine {
		return fmt.Errorf("more than %d symbols: send them in chunks, each a line with the same id", maxSymbolsLine)
	}
	if slices.Contains(r.symbols, "") {
		return fmt.Errorf("symbols is empty or has an empty symbol")
	}
	return nil
}

func readStart(r *request, text string) error {
	at, err := dbn.ParseTime(text)
	if err != nil {
		return fmt.Errorf("start: %s", strings.TrimPrefix(err.Error(), "dbn: "))
	}
	r.start, r.hasStart = at, true
	return nil
}

func readBool(key, text string) (bool, error) {
	switch text {
	case "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("%s is %q, want 0 or 1", key, text)
}
