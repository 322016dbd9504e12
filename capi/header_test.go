package capi_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// letters reduces a name to its letters and digits, so that OHLCV_1S is "ohlcv-1s", and
// OPENING_PRICE is "OpeningPrice".
func letters(name string) string {
	return strings.ToUpper(regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(name, ""))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// enumerators gives the constants of an enum of a header, without their prefix, by letters.
func enumerators(t *testing.T, header, name, prefix string) map[string]int {
	t.Helper()
	_, body, found := strings.Cut(header, "typedef enum dbnloop_"+name+" {\n")
	if !found {
		t.Fatalf("there is no enum dbnloop_%s", name)
	}
	body, _, _ = strings.Cut(body, "\n}")
	values := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^  (DBNLOOP_\w+) = ('.'|\S+?),?(?:  //.*)?$`).FindAllStringSubmatch(body, -1) {
		number, found := strings.CutPrefix(m[1], "DBNLOOP_"+prefix)
		if !found {
			t.Errorf("%s does not begin with DBNLOOP_%s", m[1], prefix)
		}
		value, err := strconv.ParseInt(m[2], 0, 32)
		if strings.HasPrefix(m[2], "'") {
			value, err = int64(m[2][1]), nil
		}
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		values[letters(number)] = int(value)
	}
	if want := strings.Count(body, " = "); len(values) != want {
		t.Errorf("dbnloop_%s: %d of %d constants were read", name, len(values), want)
	}
	return values
}

type number interface{ ~uint8 | ~uint16 }

func known[T interface {
	number
	fmt.Stringer
}](all []T, others ...string) map[string]int {
	values := map[string]int{}
	for _, v := range all {
		values[letters(v.String())] = int(v)
	}
	for _, other := range others {
		values[other] = 1<<(8*reflect.TypeFor[T]().Size()) - 1
	}
	return values
}

// The enums of the C headers have the values of package dbn, and no others.
func TestTheEnumsAreThoseOfPackageDbn(t *testing.T) {
	records, publishers := read(t, "dbnloop_records.h"), read(t, "dbnloop_publishers.h")
	upgrades := map[string]int{}
	for name, value := range known(dbn.AllVersionUpgradePolicies()) {
		upgrades[strings.TrimPrefix(name, "UPGRADE")] = value
	}
	flags := map[string]int{}
	for bit := 1; bit < 8; bit++ {
		name, _, _ := strings.Cut(dbn.FlagSet(1<<bit).String(), " ")
		flags[letters(name)] = 1 << bit
	}
	ids := map[string]map[string]int{"publisher": {}, "dataset": {}, "venue": {}}
	for _, p := range dbn.Publishers() {
		ids["publisher"][letters(p.Name)] = int(p.ID)
	}
	for i, name := range dbn.Datasets() {
		ids["dataset"][letters(name)] = i + 1
	}
	for i, name := range dbn.Venues() {
		ids["venue"][letters(name)] = i + 1
	}
	enums := []struct {
		header, name, prefix string
		want                 map[string]int
	}{
		{records, "rtype", "RTYPE_", known(dbn.AllRTypes())},
		{records, "side", "SIDE_", known(dbn.AllSides())},
		{records, "action", "ACTION_", known(dbn.AllActions())},
		{records, "instrument_class", "INSTRUMENT_CLASS_", known(dbn.AllInstrumentClasses())},
		{records, "match_algorithm", "MATCH_ALGORITHM_", known(dbn.AllMatchAlgorithms())},
		{records, "user_defined_instrument", "USER_DEFINED_INSTRUMENT_", known(dbn.AllUserDefinedInstruments())},
		{records, "security_update_action", "SECURITY_UPDATE_ACTION_", known(dbn.AllSecurityUpdateActions())},
		{records, "stype", "STYPE_", known(dbn.AllSTypes(), "NONE")},
		{records, "schema", "SCHEMA_", known(dbn.AllSchemas(), "NONE")},
		{records, "encoding", "ENCODING_", known(dbn.AllEncodings())},
		{records, "compression", "COMPRESSION_", known(dbn.AllCompressions())},
		{records, "stat_type", "STAT_TYPE_", known(dbn.AllStatTypes())},
		{records, "stat_update_action", "STAT_UPDATE_ACTION_", known(dbn.AllStatUpdateActions())},
		{records, "status_action", "STATUS_ACTION_", known(dbn.AllStatusActions())},
		{records, "status_reason", "STATUS_REASON_", known(dbn.AllStatusReasons())},
		{records, "trading_event", "TRADING_EVENT_", known(dbn.AllTradingEvents())},
		{records, "tri_state", "TRI_STATE_", known(dbn.AllTriStates())},
		{records, "upgrade_policy", "UPGRADE_", upgrades},
		{records, "gateway_error_code", "GATEWAY_ERROR_CODE_", known(dbn.AllErrorCodes())},
		{records, "system_code", "SYSTEM_CODE_", known(dbn.AllSystemCodes())},
		{records, "slow_reader_behavior", "SLOW_READER_", known(dbn.AllSlowReaderBehaviors())},
		{records, "flag", "FLAG_", flags},
		{publishers, "publisher", "PUBLISHER_", ids["publisher"]},
		{publishers, "dataset", "DATASET_", ids["dataset"]},
		{publishers, "venue", "VENUE_", ids["venue"]},
	}
	for _, e := range enums {
		if have := enumerators(t, e.header, e.name, e.prefix); !reflect.DeepEqual(have, e.want) {
			t.Errorf("dbnloop_%s: the header has %v, package dbn %v", e.name, have, e.want)
		}
	}
	// dbnloop_enum itself has no counterpart in Go.
	if have, want := strings.Count(records+publishers, "typedef enum "), len(enums)+1; have != want {
		t.Errorf("the headers have %d enums, %d of them are compared", have, want)
	}
}

// The constants of dbnloop_records.h are those of package dbn.
func TestTheConstantsAreThoseOfPackageDbn(t *testing.T) {
	want := map[string]string{
		"DBN_VERSION":              fmt.Sprint(dbn.Version),
		"FIXED_PRICE_SCALE":        fmt.Sprintf("INT64_C(%d)", dbn.PriceScale),
		"UNDEF_PRICE":              fmt.Sprintf("INT64_C(%d)", int64(dbn.UndefPrice)),
		"UNDEF_TIMESTAMP":          fmt.Sprintf("UINT64_C(%d)", uint64(dbn.UndefTimestamp)),
		"UNDEF_ORDER_SIZE":         fmt.Sprintf("UINT32_C(%d)", dbn.UndefOrderSize),
		"UNDEF_STAT_QUANTITY":      fmt.Sprintf("INT64_C(%d)", dbn.UndefStatQuantity),
		"SYMBOL_CSTR_LEN":          fmt.Sprint(len(dbn.SymbolMappingMsg{}.StypeInSymbol)),
		"ASSET_CSTR_LEN":           fmt.Sprint(len(dbn.InstrumentDefMsg{}.Asset)),
		"RECORD_LENGTH_MULTIPLIER": "4", // package dbn writes it as a number,
		"MAX_RECORD_LEN":           fmt.Sprint(dbn.MaxRecordLen),
		"LIVE_PORT":                fmt.Sprint(dbn.LivePort),
		"ALL_SYMBOLS":              strconv.Quote(dbn.AllSymbols),
	}
	have := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^#define DBNLOOP_(\w+) (\S+)$`).FindAllStringSubmatch(read(t, "dbnloop_records.h"), -1) {
		have[m[1]] = m[2]
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("the header has %v, package dbn %v", have, want)
	}
}

// The layouts of dbnloop_records.h, which it checks itself, are those of package dbn.
func TestTheLayoutsAreThoseOfPackageDbn(t *testing.T) {
	types := map[string]reflect.Type{}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[dbn.RecordHeader](), reflect.TypeFor[dbn.BidAskPair](), reflect.TypeFor[dbn.ConsolidatedBidAskPair](),
		reflect.TypeFor[dbn.MboMsg](), reflect.TypeFor[dbn.TradeMsg](), reflect.TypeFor[dbn.Mbp1Msg](),
		reflect.TypeFor[dbn.Mbp10Msg](), reflect.TypeFor[dbn.BboMsg](), reflect.TypeFor[dbn.Cmbp1Msg](),
		reflect.TypeFor[dbn.CbboMsg](), reflect.TypeFor[dbn.OhlcvMsg](), reflect.TypeFor[dbn.StatusMsg](),
		reflect.TypeFor[dbn.InstrumentDefMsg](), reflect.TypeFor[dbn.ImbalanceMsg](), reflect.TypeFor[dbn.StatMsg](),
		reflect.TypeFor[dbn.ErrorMsg](), reflect.TypeFor[dbn.SymbolMappingMsg](), reflect.TypeFor[dbn.SystemMsg](),
	} {
		types[letters(typ.Name())] = typ
	}
	header := read(t, "dbnloop_records.h")
	sizes := regexp.MustCompile(`(?m)^DBNLOOP_SIZE\(dbnloop_(\w+), (\d+)\);$`).FindAllStringSubmatch(header, -1)
	if len(sizes) != len(types) {
		t.Errorf("the header has %d structs, %d are compared", len(sizes), len(types))
	}
	for _, size := range sizes {
		typ := types[letters(size[1])]
		if typ == nil {
			t.Errorf("package dbn has no %s", size[1])
			continue
		}
		if size[2] != fmt.Sprint(typ.Size()) {
			t.Errorf("%s has %s bytes, %v has %d", size[1], size[2], typ, typ.Size())
		}
		fields := regexp.MustCompile(`(?m)^DBNLOOP_FIELD\(dbnloop_`+size[1]+`, (\w+), (\d+), (\d+)\);$`).FindAllStringSubmatch(header, -1)
		if len(fields) != typ.NumField() {
			t.Errorf("%s has %d fields, %v has %d", size[1], len(fields), typ, typ.NumField())
			continue
		}
		for i, field := range fields {
			f := typ.Field(i)
			if f.Name != "_" && letters(f.Name) != letters(field[1]) {
				t.Errorf("%s: field %d is %s, that of %v is %s", size[1], i, field[1], typ, f.Name)
			}
			if have := fmt.Sprint(f.Offset, f.Type.Size()); have != field[2]+" "+field[3] {
				t.Errorf("%s.%s is at %s with %s bytes, %v.%s has %s", size[1], field[1], field[2], field[3], typ, f.Name, have)
			}
		}
	}
}
