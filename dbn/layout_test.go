package dbn_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// Every Go struct has the sizes and offsets of the schema, which the C++ header asserts too.
func TestStructsMatchTheSchema(t *testing.T) {
	raw, err := os.ReadFile("../schema/dbn.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Records []struct {
			Name     string
			Versions map[string]struct {
				Size   int
				Fields []struct {
					Name         string
					Offset, Size int
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	types := map[string]map[string]any{
		"MboMsg":           {"3": dbn.MboMsg{}},
		"TradeMsg":         {"3": dbn.TradeMsg{}},
		"Mbp1Msg":          {"3": dbn.Mbp1Msg{}},
		"Mbp10Msg":         {"3": dbn.Mbp10Msg{}},
		"BboMsg":           {"3": dbn.BboMsg{}},
		"Cmbp1Msg":         {"3": dbn.Cmbp1Msg{}},
		"CbboMsg":          {"3": dbn.CbboMsg{}},
		"OhlcvMsg":         {"3": dbn.OhlcvMsg{}},
		"StatusMsg":        {"3": dbn.StatusMsg{}},
		"InstrumentDefMsg": {"1": dbn.InstrumentDefMsgV1{}, "2": dbn.InstrumentDefMsgV2{}, "3": dbn.InstrumentDefMsg{}},
		"ImbalanceMsg":     {"3": dbn.ImbalanceMsg{}},
		"StatMsg":          {"1": dbn.StatMsgV1{}, "2": dbn.StatMsgV1{}, "3": dbn.StatMsg{}},
		"ErrorMsg":         {"1": dbn.ErrorMsgV1{}, "2": dbn.ErrorMsg{}, "3": dbn.ErrorMsg{}},
		"SymbolMappingMsg": {"1": dbn.SymbolMappingMsgV1{}, "2": dbn.SymbolMappingMsg{}, "3": dbn.SymbolMappingMsg{}},
		"SystemMsg":        {"1": dbn.SystemMsgV1{}, "2": dbn.SystemMsg{}, "3": dbn.SystemMsg{}},
	}
	if len(schema.Records) != len(types) {
		t.Fatalf("the schema has %d records, this test knows %d", len(schema.Records), len(types))
	}
	for _, r := range schema.Records {
		for version, value := range types[r.Name] {
			typ := reflect.TypeOf(value)
			want := r.Versions[version]
			if int(typ.Size()) != want.Size {
				t.Errorf("%s v%s has %d bytes, want %d", r.Name, version, typ.Size(), want.Size)
			}
			if typ.NumField() != len(want.Fields) {
				t.Fatalf("%s v%s has %d fields, want %d", r.Name, version, typ.NumField(), len(want.Fields))
			}
			for i, f := range want.Fields {
				have := typ.Field(i)
				if int(have.Offset) != f.Offset || int(have.Type.Size()) != f.Size {
					t.Errorf("%s v%s: %s is at %d with %d bytes, want %d and %d", r.Name, version, f.Name, have.Offset, have.Type.Size(), f.Offset, f.Size)
				}
				if plain := strings.ReplaceAll(f.Name, "_", ""); have.Name != "_" && !strings.EqualFold(have.Name, plain) {
					t.Errorf("%s: field %s is called %s", r.Name, f.Name, have.Name)
				}
			}
		}
	}
}

// enumOf gives what a test of any enum needs: how many values are known, and those of them
// that do not come back from their text, or whose text another one has.
func enumOf[E interface {
	~uint8 | ~uint16
	fmt.Stringer
}](all []E, parse func(string) (E, error)) func(t *testing.T, name string, values int) {
	return func(t *testing.T, name string, values int) {
		if len(all) != values {
			t.Errorf("%s has %d values, the schema %d", name, len(all), values)
		}
		texts := map[string]bool{}
		for _, v := range all {
			if got, err := parse(v.String()); err != nil || got != v || texts[v.String()] || strings.HasPrefix(v.String(), "unknown") {
				t.Errorf("%s %d is %q, which is %d: %v", name, v, v, got, err)
			}
			texts[v.String()] = true
		}
		for _, text := range []string{"", "unknown(99)", "nonsense"} {
			if got, err := parse(text); err == nil {
				t.Errorf("%s %q is %d", name, text, got)
			}
		}
	}
}

func TestEnumsRoundTripAsText(t *testing.T) {
	enums := map[string]func(t *testing.T, name string, values int){
		"RType": enumOf(dbn.AllRTypes(), dbn.ParseRType), "Side": enumOf(dbn.AllSides(), dbn.ParseSide),
		"Action":                enumOf(dbn.AllActions(), dbn.ParseAction),
		"InstrumentClass":       enumOf(dbn.AllInstrumentClasses(), dbn.ParseInstrumentClass),
		"MatchAlgorithm":        enumOf(dbn.AllMatchAlgorithms(), dbn.ParseMatchAlgorithm),
		"UserDefinedInstrument": enumOf(dbn.AllUserDefinedInstruments(), dbn.ParseUserDefinedInstrument),
		"SecurityUpdateAction":  enumOf(dbn.AllSecurityUpdateActions(), dbn.ParseSecurityUpdateAction),
		"SType":                 enumOf(dbn.AllSTypes(), dbn.ParseSType), "Schema": enumOf(dbn.AllSchemas(), dbn.ParseSchema),
		"Encoding": enumOf(dbn.AllEncodings(), dbn.ParseEncoding), "Compression": enumOf(dbn.AllCompressions(), dbn.ParseCompression),
		"StatType":             enumOf(dbn.AllStatTypes(), dbn.ParseStatType),
		"StatUpdateAction":     enumOf(dbn.AllStatUpdateActions(), dbn.ParseStatUpdateAction),
		"StatusAction":         enumOf(dbn.AllStatusActions(), dbn.ParseStatusAction),
		"StatusReason":         enumOf(dbn.AllStatusReasons(), dbn.ParseStatusReason),
		"TradingEvent":         enumOf(dbn.AllTradingEvents(), dbn.ParseTradingEvent),
		"TriState":             enumOf(dbn.AllTriStates(), dbn.ParseTriState),
		"VersionUpgradePolicy": enumOf(dbn.AllVersionUpgradePolicies(), dbn.ParseVersionUpgradePolicy),
		"ErrorCode":            enumOf(dbn.AllErrorCodes(), dbn.ParseErrorCode),
		"SystemCode":           enumOf(dbn.AllSystemCodes(), dbn.ParseSystemCode),
		"SlowReaderBehavior":   enumOf(dbn.AllSlowReaderBehaviors(), dbn.ParseSlowReaderBehavior),
	}
	// Words of the historical API, plain strings in Go; and a set of bits, see below.
	others := []string{"HistoricalGateway", "FeedMode", "SplitDuration", "Delivery", "JobState", "DatasetCondition", "FlagSet"}
	raw, err := os.ReadFile("../schema/dbn.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Enums map[string]struct {
			Type   string
			Values map[string]any
		}
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for name, e := range schema.Enums {
		check, ok := enums[name]
		if !ok {
			if e.Type != "string" && !slices.Contains(others, name) {
				t.Errorf("%s is not tested", name)
			}
			continue
		}
		check(t, name, len(e.Values))
	}
	for _, s := range dbn.AllSchemas() {
		if _, ok := dbn.RTypeOf(s); !ok {
			t.Errorf("schema %v has no rtype", s)
		}
	}
	if got, err := dbn.ParseSType("native"); err != nil || got != dbn.STypeRawSymbol {
		t.Errorf("an older name: %v, %v", got, err)
	}
	if _, err := dbn.ParseSchema("mbp-7"); err == nil || !strings.Contains(err.Error(), "mbp-10") {
		t.Errorf("an unknown schema: %v", err)
	}
	if got := dbn.Schema(999).String(); got != "unknown(999)" {
		t.Errorf("an unknown value prints as %q", got)
	}
}

func TestFlags(t *testing.T) {
	for value, want := range map[dbn.FlagSet]string{
		0: "0", 1: "1", dbn.FlagLast: "LAST (128)", dbn.FlagLast | dbn.FlagMbp: "LAST | MBP (144)",
		dbn.FlagBadTsRecv | 1: "BAD_TS_RECV (9)",
		255:                   "LAST | TOB | SNAPSHOT | MBP | BAD_TS_RECV | MAYBE_BAD_BOOK | PUBLISHER_SPECIFIC (255)",
	} {
		if got := value.String(); got != want {
			t.Errorf("%d is %q, want %q", uint8(value), got, want)
		}
	}
	for i := range 256 {
		if got, err := dbn.ParseFlagSet(dbn.FlagSet(i).String()); err != nil || got != dbn.FlagSet(i) {
			t.Errorf("%d: %d, %v", i, got, err)
		}
	}
	if got, err := dbn.ParseFlagSet(" TOB|LAST "); err != nil || got != dbn.FlagLast|dbn.FlagTob {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "|", "LAST |", "last", "256", "-1", "LAST (64)", "LAST (128", "LAST (x)", "(128)"} {
		if got, err := dbn.ParseFlagSet(bad); err == nil {
			t.Errorf("%q is %d", bad, got)
		}
	}
}

func TestValues(t *testing.T) {
	prices := map[dbn.Price]string{
		0: "0.000000000", 1: "0.000000001", -1: "-0.000000001", 6012250000000: "6012.250000000",
		-9223372036854775808: "-9223372036.854775808", dbn.UndefPrice - 1: "9223372036.854775806",
		dbn.UndefPrice: "",
	}
	for p, want := range prices {
		if got := p.String(); got != want {
			t.Errorf("price %d prints as %q, want %q", int64(p), got, want)
		}
	}
	times := map[dbn.UnixNanos]string{
		0: "1970-01-01T00:00:00.000000000Z", 1: "1970-01-01T00:00:00.000000001Z",
		951782400000000000:      "2000-02-29T00:00:00.000000000Z",
		1795445999999999999:     "2026-11-23T14:59:59.999999999Z",
		dbn.UndefTimestamp - 1:  "2554-07-21T23:34:33.709551614Z",
		dbn.UndefTimestamp:      "",
		4102444800000000000 - 1: "2099-12-31T23:59:59.999999999Z",
	}
	for ts, want := range times {
		if got := ts.String(); got != want {
			t.Errorf("time %d prints as %q, want %q", uint64(ts), got, want)
		}
		if want != "" && ts < 1<<63 && ts.Time().Format("2006-01-02T15:04:05.000000000Z") != want {
			t.Errorf("time %d as time.Time: %v", uint64(ts), ts.Time())
		}
	}
	if d := dbn.DateOf(951782400000000000); d != 20000229 {
		t.Errorf("date %d", d)
	}
}

func TestPublishers(t *testing.T) {
	if p, ok := dbn.PublisherOf(1); !ok || p.Name != "GLBX.MDP3.GLBX" || p.Dataset != "GLBX.MDP3" {
		t.Errorf("publisher 1: %+v", p)
	}
	all := dbn.Publishers()
	for i, p := range all {
		byID, _ := dbn.PublisherOf(p.ID)
		byName, _ := dbn.PublisherNamed(p.Name)
		if int(p.ID) != i+1 || byID != p || byName != p || p.Name != p.Dataset+"."+p.Venue ||
			!slices.Contains(dbn.Datasets(), p.Dataset) || !slices.Contains(dbn.Venues(), p.Venue) {
			t.Errorf("%+v; by id %+v, by name %+v", p, byID, byName)
		}
	}
	for _, id := range []uint16{0, uint16(len(all) + 1), 65535} {
		if p, ok := dbn.PublisherOf(id); ok {
			t.Errorf("publisher %d is %+v", id, p)
		}
	}
	if p, ok := dbn.PublisherNamed("GLBX.MDP3"); ok {
		t.Errorf("a dataset is %+v", p)
	}
}
