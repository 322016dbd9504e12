package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// schemaFile mirrors schema/dbn.json; only what the generator uses.
type schemaFile struct {
	Records    []record            `json:"records"`
	Structs    []layout            `json:"structs"`
	Enums      map[string]enum     `json:"enums"`
	Publishers []publisher         `json:"publishers"`
	Datasets   []named             `json:"datasets"`
	Venues     []named             `json:"venues"`
	Consts     map[string]constant `json:"consts"`

	docs *docs // of docs.json beside it
}

type record struct {
	Name     string            `json:"name"`
	RTypes   []int             `json:"rtype"`
	RNames   []string          `json:"rtype_names"`
	Schemas  []string          `json:"schemas"`
	Aliases  []string          `json:"aliases"`
	IndexTs  string            `json:"index_ts"`
	Versions map[string]layout `json:"versions"`
}

// latest is the layout of the newest DBN version.
func (r record) latest() layout { return r.Versions["3"] }

type layout struct {
	Name        string   `json:"name"`
	Size        int      `json:"size"`
	Fields      []field  `json:"fields"`
	TextColumns []string `json:"text_columns"`
}

type field struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Enum   string   `json:"enum"`
	Offset int      `json:"offset"`
	Size   int      `json:"size"`
	Count  int      `json:"count"`
	Fmt    string   `json:"fmt"`
	Undef  constant `json:"undef"`
}

type enum struct {
	Type          string              `json:"type"`
	Bits          bool                `json:"bits"`
	Values        map[string]constant `json:"values"`
	Strings       map[string]string   `json:"strings"`
	StringAliases map[string][]string `json:"string_aliases"`
}

type publisher struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Variant string `json:"variant"`
	Venue   string `json:"venue"`
	Dataset string `json:"dataset"`
}

type named struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Variant string `json:"variant"`
}

// constant is a JSON number or string, kept as text: numbers above 2^53 are strings there.
type constant string

func (c *constant) UnmarshalJSON(b []byte) error {
	text := string(b)
	if strings.HasPrefix(text, `"`) {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		text = s
	}
	*c = constant(text)
	return nil
}

type enumValue struct {
	Name  string
	Value int // a character's code for char enums
}

// sorted gives an enum's values by number, so that the output does not depend on map order.
func (e enum) sorted() []enumValue {
	var out []enumValue
	for name, v := range e.Values {
		n, err := strconv.Atoi(string(v))
		switch e.Type {
		case "char":
			n, err = int(v[0]), nil
		case "string": // no number on any wire
			n, err = 0, nil
		}
		if err != nil {
			panic(fmt.Sprintf("enum value %s = %q: %v", name, v, err))
		}
		out = append(out, enumValue{name, n})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Value != out[j].Value {
			return out[i].Value < out[j].Value
		}
		return out[i].Name < out[j].Name
	})
	if e.Type == "string" {
		for i := range out {
			out[i].Value = i
		}
	}
	return out
}

// text is the wire or display string of a value; its own name where the schema has none.
func (e enum) text(name string) string {
	if e.Type == "string" {
		return string(e.Values[name])
	}
	if s, ok := e.Strings[name]; ok {
		return s
	}
	return name
}

func load(path string) (*schemaFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s schemaFile
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.docs, err = loadDocs(filepath.Join(filepath.Dir(path), "docs.json"))
	return &s, err
}

// recordEnums are the enums that occur in records, metadata or the gateway's lines, in the
// order in which they are written.
var recordEnums = []string{
	"RType", "Side", "Action", "InstrumentClass", "MatchAlgorithm", "UserDefinedInstrument",
	"SecurityUpdateAction", "SType", "Schema", "Encoding", "Compression", "StatType",
	"StatUpdateAction", "StatusAction", "StatusReason", "TradingEvent", "TriState",
	"VersionUpgradePolicy", "ErrorCode", "SystemCode", "SlowReaderBehavior",
}

// apiEnums are the enums of the historical API, which databento-cpp has too.
var apiEnums = []string{
	"HistoricalGateway", "FeedMode", "SplitDuration", "Delivery", "JobState",
	"DatasetCondition",
}

// wordEnums are words of the services that databento-cpp has no types for; they have no
// number on any wire.
var wordEnums = []string{
	"RollRule", "SymbologyResolutionStatus", "PriceType", "ReconnectPolicy", "Packaging",
}

func sameLayout(a, b layout) bool {
	if a.Size != b.Size || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || a.Fields[i].Offset != b.Fields[i].Offset ||
			a.Fields[i].Type != b.Fields[i].Type {
			return false
		}
	}
	return true
}
