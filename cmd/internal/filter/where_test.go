package filter

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

const at = dbn.UnixNanos(1794783600_000000000) // 2026-11-15T23:00:00Z

// order has a value in each field; id is beyond an int64.
func order() *dbn.MboMsg {
	return &dbn.MboMsg{
		Hd:      dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.MboMsg{}) / 4), RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 7, TsEvent: at},
		OrderID: math.MaxUint64 - 1, Price: 6012_250000000, Size: 100, Flags: 130, ChannelID: 3, Action: dbn.ActionAdd, Side: dbn.SideBid,
		TsRecv: at + 5_000_000, TsInDelta: -250, Sequence: 42,
	}
}

// holdsFor reports whether an expression holds for a record.
func holdsFor(t testing.TB, expression string, r dbn.Record) bool {
	t.Helper()
	f, err := New(Settings{Where: []string{expression}})
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	f.Follow(func(dbn.Record) (string, bool) { return "ESZ6", true })
	return f.Passes(r)
}

func TestComparisonsOfEveryTypeAndOperator(t *testing.T) {
	for _, test := range []struct {
		less, equal, more string // than the value on the right
		value             string
	}{
		{"99", "100", "101", "size"}, {"129", "130", "131", "flags"}, {"2", "3", "4", "channel_id"}, {"41", "42", "43", "sequence"},
		{"159", "160", "161", "rtype"}, {"0", "1", "2", "publisher_id"}, {"6", "7", "8", "instrument_id"},
		{"18446744073709551613", "18446744073709551614", "18446744073709551615", "order_id"},
		{"9223372036854775807", "18446744073709551614", "99999999999999999999", "order_id"},
		{"6012.249999999", "6012.25", "6012.250000001", "price"}, {"-6012.25", "6012.250", "1e10", "price"}, {"6012", "6.01225e3", "6013", "price"},
		{`"2026-11-15T22:59:59.999999999Z"`, `"2026-11-15 23:00:00"`, `"2026-11-15T23:00:00.000000001+00:00"`, "ts_event"},
		{`"2026-11-15"`, "1794783600000000000", `"2026-11-15 18:00:01-05:00"`, "hd.ts_event"},
		{"-251", "-250ns", "-0.249us", "ts_in_delta"}, {`"-1us"`, `"-250ns"`, `"1d"`, "ts_in_delta"},
		{"4.999999ms", `"5ms"`, "1h30m", "ts_recv - ts_event"}, {`"A"`, `'B'`, `"\x43"`, "side"},
		{`"ESU6"`, `"ESZ6"`, `"ESZ7"`, "symbol"}, {`"ES"`, `"ESZ6"`, `"ESZ60"`, "symbol"},
		// Computed numbers.
		{"99.5", "size + 0", "size + 1", "size"}, {"size - 1", "size", "size + 0.5", "size"}, {"-101", "-100", "-99.5", "-size"},
		{"5", "6", "6.5", "ts_in_delta + 256"}, {"12024.4", "12024.5", "12024.6", "price * 2"}, {"3006.1", "3006.125", "price", "price / 2"},
		{"6012.249", "price + 0", "price + 0.000000001", "price"}, {"0", "1", "2", "price - 6011.25"}, {"1", "2", "3", "flags % 128"},
		{"0", "128", "129", "flags & 128"}, {"13", "order_id % 100", "15", "14 + size - 100"}, {"1e5", "601225", "1e6", "price * size"},
		{"6000 + 12", "6000 + 12.25", "6000 * 2", "price"}, {"size", "order_id", "99999999999999999999", "order_id"},
		{`"2026-11-15T22:59"`, `"2026-11-15T23"`, "ts_recv", "ts_recv - 5ms"}, {"ts_event", "ts_recv - 4ms", "ts_recv", "1ms + ts_event"},
		{"ts_event - ts_recv", "ts_recv - ts_recv", "ts_recv - ts_event", "ts_event - ts_event"}, {"-6ms", "-5ms", "0", "ts_event - ts_recv"},
		{"-1", "0", "0.000000001", "price - price"}, {"order_id - 1", "1", "2", "size / 100"}, {"99", "100", "101", "(size)"},
	} {
		for _, side := range []struct {
			other string
			order int
		}{{test.less, 1}, {test.equal, 0}, {test.more, -1}} {
			if side.other == "order_id - 1" { // no int64 holds it: null
				side.order = 9
			}
			for op, wants := range map[string][3]bool{ // for -1, 0 and 1
				"<": {true, false, false}, "<=": {true, true, false}, "==": {false, true, false},
				"!=": {true, false, true}, ">=": {false, true, true}, ">": {false, false, true},
			} {
				want := side.order != 9 && wants[side.order+1&3]
				for _, expression := range []string{
					fmt.Sprintf("%s %s %s", test.value, op, side.other), fmt.Sprintf("(%s)%s(%s)", side.other, mirrored(op), test.value),
					fmt.Sprintf("!!(%s %s %s)", test.value, op, side.other), fmt.Sprintf("%s %s %s && size == 100", test.value, op, side.other),
					fmt.Sprintf("size == 1 || %s %s %s", test.value, op, side.other),
				} {
					if got := holdsFor(t, expression, dbn.Ref(&order().Hd)); got != want {
						t.Errorf("%s: %v, want %v", expression, got, want)
					}
				}
			}
		}
	}
}

func TestLogicListsAndPatterns(t *testing.T) {
	for expression, want := range map[string]bool{
		"size == 100 && side == 'B'": true, "size == 100 && side == 'A'": false, "size == 1 || side == 'B'": true, "size == 1 || side == 'A'": false,
		"!(size == 1)": true, "!(size == 100)": false, "!true": false, "true": true, "false || true && false": false, "(false || true) && true": true,
		// && binds more strongly than ||, comparisons more than both, * more than +, from the left.
		"size == 100 || size == 1 && side == 'A'": true, "size - 50 - 50 == 0": true, "size - 50 * 2 == 0": true, "(size - 50) * 2 == 100": true,
		"(size > 1) == (sequence > 1)": true, "(size > 1) != true": false,
		`side in ["A", "B"]`: true, `side in ["A", "N"]`: false, `side in []`: false, `!(side in ["A"])`: true, "size in [1, 100]": true,
		"size in [1, 1e2, 3]": true, "size in [100.5]": false, "size in [99.5, -1, 1e30]": false, "price in [6012.25]": true, "price in [6012.2500000001]": false,
		"size in [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,100]": true, "size in [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]": false,
		"order_id in [18446744073709551614]": true, "size + 1 in [100, 101]": true, "ts_in_delta in [-250, 1]": true, "ts_in_delta in [-250ns]": true,
		`ts_event in ["2026-11-15T23:00"]`: true, `symbol in ["ESZ6", "NQZ6"]`: true, `symbol in ["NQZ6"]`: false,
		`symbol like "ES*"`: true, `symbol like "es*"`: false, `symbol like "?SZ[5-7]"`: true, `symbol like "?SZ[!5-7]"`: false, `symbol like "E"`: false,
		`symbol == "ESZ6" && size > 5 && symbol like "*6"`: true, `"A" < side`: true, "100 == size": true,
		"size > -1": true, "size < -1": false, "size != -1": true, "size != 1e12": true, "size <= 4294967295": true, "size < 4294967296": true,
		"channel_id >= 256": false, "channel_id != 256": true, "ts_in_delta > -3e9": true, "price > -1e10": true, "price < 1e10": true,
		"price != 6012.25": false, "price != 6012.3": true, "size == 0.5": false, "size != 0.5": true, "size > 99.99": true, "size < 100.01": true,
		"levels[0].bid_px > 1": false, "sequence == 42.0": true, "  size==100  ": true, "- size < - 99": true, "--size == 100": true,
	} {
		if got := holdsFor(t, expression, dbn.Ref(&order().Hd)); got != want {
			t.Errorf("%s: %v, want %v", expression, got, want)
		}
	}
}

func TestNullEqualsNothingButNull(t *testing.T) {
	empty := order()
	empty.Price, empty.TsRecv, empty.TsInDelta, empty.Side, empty.Hd.TsEvent = dbn.UndefPrice, dbn.UndefTimestamp, 0, 0, 0
	r := dbn.Ref(&empty.Hd)
	for _, field := range []string{"price", "ts_recv", "side", "hd.ts_event", "bid_px_00", "stat_type", "price + 1", "price * 2", "ts_recv - ts_event", "bid_px_00 - price", "price - price", "-price", "size % 0", "ts_out", "ts_recv - 1h"} {
		for _, other := range []string{"1", "0", "9223372036.854775807", `"A"`, `"2026-11-15"`, `"5ms"`, field} {
			for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
				f, err := New(Settings{Where: []string{field + " " + op + " " + other}})
				if err == nil && f.Passes(r) {
					t.Errorf("%s %s %s holds", field, op, other)
				}
			}
		}
		for expression, want := range map[string]bool{field + " == null": true, field + " != null": false, "null == (" + field + ")": true, "!(" + field + " != null)": true} {
			if got := holdsFor(t, expression, r); got != want {
				t.Errorf("%s: %v", expression, got)
			}
		}
	}
	for _, field := range []string{"size", "order_id", "action", "symbol", "size + 1", "price * 0 + 1"} {
		f := dbn.Ref(&order().Hd)
		if holdsFor(t, field+" == null", f) || !holdsFor(t, field+" != null", f) {
			t.Errorf("%s is null", field)
		}
	}
	if f, _ := New(Settings{Where: []string{"symbol == null"}}); f != nil {
		f.Follow(func(dbn.Record) (string, bool) { return "", false })
		if !f.Passes(r) {
			t.Error("an unknown symbol is not null")
		}
	}
}

// An expression that is about several types of records is null where a field is missing, and false
// where it has another type.
func TestEachTypeOfRecordHasItsOwnFields(t *testing.T) {
	status := &dbn.StatusMsg{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.StatusMsg{}) / 4), RType: dbn.RTypeStatus}, Action: 84, TsRecv: at}
	quote := samples.Quote(6012_000000000, 6012_250000000, 5, 9)
	for _, test := range []struct {
		expression           string
		mbo, status, quoteOf bool
	}{
		{`action == "A"`, true, false, true}, {"action == 84", false, true, false}, {"size > 10", true, false, true},
		{"ask_px_00 - bid_px_00 == 0.25", false, false, true}, {"levels[0].ask_sz > bid_sz_00", false, false, true},
		{"size == null", false, true, false}, {`side == "B" || ask_px_00 > 0`, true, false, true}, {"bid_ct_00 == 0", false, false, true},
	} {
		f, err := New(Settings{Where: []string{test.expression}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // in turn: each has a program of its own
			for _, of := range []struct {
				r    dbn.Record
				want bool
			}{{dbn.Ref(&order().Hd), test.mbo}, {dbn.Ref(&status.Hd), test.status}, {quote, test.quoteOf}} {
				if got := f.Passes(of.r); got != of.want {
					t.Errorf("%s for %s: %v", test.expression, of.r.RType(), got)
				}
			}
		}
	}
}

func TestTheLayoutsOfAllVersionsAreRead(t *testing.T) {
	old := &dbn.InstrumentDefMsgV1{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.InstrumentDefMsgV1{}) / 4), RType: dbn.RTypeInstrumentDef}}
	now := &dbn.InstrumentDefMsg{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.InstrumentDefMsg{}) / 4), RType: dbn.RTypeInstrumentDef}}
	copy(old.RawSymbol[:], "ESZ6")
	copy(now.RawSymbol[:], "ESZ6")
	old.StrikePrice, now.StrikePrice = 6000_000000000, 6000_000000000
	f, err := New(Settings{Where: []string{`raw_symbol == "ESZ6" && strike_price >= 6000 && currency == "" && raw_symbol like "E*"`}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !f.Passes(dbn.Ref(&old.Hd)) || !f.Passes(dbn.Ref(&now.Hd)) {
			t.Error("a version is not selected")
		}
	}
	old.RawSymbol, now.RawSymbol[0] = [22]byte{}, 'F'
	if f.Passes(dbn.Ref(&old.Hd)) || f.Passes(dbn.Ref(&now.Hd)) {
		t.Error("another symbol is selected")
	}
}

func TestOfUnknownRecordsTheHeaderIsKnown(t *testing.T) {
	unknown := &dbn.RecordHeader{Length: 4, RType: 0xEE, PublisherID: 1, InstrumentID: 7, TsEvent: at}
	for expression, want := range map[string]bool{
		"instrument_id == 7 && rtype == 238 && publisher_id == 1": true, `ts_event == "2026-11-15T23"`: true, "size >= 0": false, "size == null": true, "instrument_id == 8": false,
	} {
		if got := holdsFor(t, expression, dbn.Ref(unknown)); got != want {
			t.Errorf("%s: %v", expression, got)
		}
	}
}

func TestTheSendTimeIsAFieldWhereRecordsHaveIt(t *testing.T) {
	sent := &dbn.WithTsOut[dbn.MboMsg]{Rec: *order(), TsOut: at + 7}
	sent.Rec.Hd.Length += 2
	f, err := New(Settings{Where: []string{"ts_out - ts_event == 7"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Narrow(&dbn.Metadata{TsOut: true})
	if !f.Passes(dbn.Ref(&sent.Rec.Hd)) {
		t.Error("not selected")
	}
}

func TestMistakesInExpressionsHaveTheirPlace(t *testing.T) {
	for expression, want := range map[string]string{
		"":                       "column 1: the expression is empty",
		" ":                      "column 1: the expression is empty",
		"size >":                 "column 7: expected a field or a value, not the end",
		"size > 5 5":             `column 10: unexpected "5" after the end`,
		"size > 5)":              `column 9: unexpected ")" after the end`,
		"(size > 5":              "column 10: expected ), not the end",
		"size = 5":               "column 6: a single = compares nothing: write ==",
		"size > 5 | size < 1":    "column 10: a single | is not an operator: write ||",
		"size > 5 $":             "column 10: unexpected character '$'",
		"é > 5":                  "column 1: unexpected character 'é'",
		`side == "é" && sise`:    `column 16: unknown field "sise"; did you mean side?`,
		`side == "B`:             "column 9: the text that begins here lacks its closing \"",
		`side == "\q"`:           "column 10: invalid escape",
		"sise > 5":               `column 1: unknown field "sise"; did you mean side?`,
		"size > 5 && volatility": `column 13: unknown field "volatility"`,
		"levels[0].bid_xp > 1":   `column 1: unknown field "bid_xp_00"; did you mean bid_px_00?`,
		"levels[x].bid_px > 1":   `column 8: expected the number of a level, not "x"`,
		"levels[0.bid_px > 1":    `column 8: expected the number of a level`,
		"hd.5":                   "column 3: unexpected",
		"size":                   "column 1: a whole number is neither true nor false",
		"price * 2":              "column 1: a number is neither true nor false",
		"size && price > 5":      "column 1: a whole number is neither true nor false",
		"!size":                  "column 2: a whole number is neither true nor false",
		"1 == 1":                 "column 1: 1 and 1 are both constants",
		"side > 3":               `column 8: side (a character) cannot be compared with 3: write a character, such as "B"`,
		`side == "BA"`:           `column 9: side (a character) cannot be "BA": write one character`,
		`side == ""`:             `column 9: side (a character) cannot be ""`,
		`size == "100"`:          `column 9: size (a whole number) cannot be compared with the text "100": write a number without quotes`,
		`price > "6000"`:         "column 9: price (a price) cannot be compared",
		`ts_event > "noon"`:      `column 12: invalid time "noon"`,
		"ts_event > 5":           `column 12: invalid time "5"`,
		"ts_event > 5ms":         `column 12: ts_event (a time) cannot be compared with 5ms: write a time`,
		`ts_in_delta > "soon"`:   `column 15: invalid duration "soon"`,
		"size > 5ms":             "column 8: size (a whole number) cannot be compared with 5ms: write a number",
		"price > 5ms":            "column 9: price (a price) cannot be compared with 5ms",
		"price > ts_in_delta":    "column 7: price (a price) cannot be compared with ts_in_delta (a duration)",
		"size > side":            "column 6: size (a whole number) cannot be compared with side (a character)",
		"size + side > 5":        "column 6: + does not go with size (a whole number) and side (a character)",
		"ts_event + ts_recv > 5": "column 10: + does not go with ts_event (a time) and ts_recv (a time)",
		"price % 2 == 0":         "column 7: % does not go with price (a price) and 2",
		"price & 2 == 0":         "column 7: & does not go with",
		"-side == 5":             "column 1: - does not go with side (a character)",
		"symbol > 5":             "column 8: symbol (a text) cannot be compared with 5",
		"symbol like 5":          `column 13: like needs a pattern, such as "ES*"`,
		`symbol like "[A"`:       "column 13: pattern \"[A\": a [ lacks",
		`size like "1*"`:         "column 6: size (a whole number) has no pattern",
		`symbol like "ES`:        "column 13: the text that begins here",
		"size in 5":              "column 9: in needs a list",
		"size in [5":             "column 11: expected ,, not the end",
		"size in [5,":            "column 12: expected a field or a value, not the end",
		"size in [sequence]":     "column 10: a list holds values, not sequence (a whole number)",
		`size in [5, "A"]`:       "column 13: size (a whole number) cannot be compared",
		"size in [null, 100]":    "column 10: a list holds values, not null",
		"[5] == size":            "column 1: a list follows only after the operator in",
		"size < null":            "column 6: null has no order",
		"1 < size < 5":           "column 10: comparisons do not chain: join two with &&",
		"size > 1_000":           `column 8: invalid number "1_000"`,
		"size > 1.2.3":           `column 8: invalid number "1.2.3"`,
		"size > 1e999999999":     "column 8: number 1e999999999 is outside",
		"size > 0x10":            `column 8: invalid number "0x10": want one such as 100`,
		"size > 5 / 0":           "column 10: division by zero",
		"size == true":           "column 6: a condition can only equal another condition",
		"in > 5":                 `column 1: expected a field or a value, not "in"`,
		"size > (5":              "column 10: expected ), not the end",
		"size > 5 and side":      `column 10: unexpected "and" after the end`,
	} {
		_, err := New(Settings{Where: []string{expression}})
		var mistake *Error
		if !errors.As(err, &mistake) || !strings.HasPrefix(mistake.Error(), want) {
			t.Errorf("%q: %v, want %s", expression, err, want)
		}
	}
	deep := strings.Repeat("(", 1000) + "size > 5" + strings.Repeat(")", 1000)
	if _, err := New(Settings{Where: []string{deep}}); err == nil || !strings.Contains(err.Error(), "nested more than 200 deep") {
		t.Error(err)
	}
}

func TestFieldsMustBeThoseOfTheSchemas(t *testing.T) {
	f, err := New(Settings{Where: []string{"bid_px_00 > 5"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check([]dbn.Schema{dbn.SchemaMbp1}); err != nil {
		t.Error(err)
	}
	if err := f.Check([]dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbp10}); err != nil {
		t.Error(err)
	}
	want := `--where: column 1: trades has no field "bid_px_00"`
	if err := f.Check([]dbn.Schema{dbn.SchemaTrades}); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if f, err = New(Settings{Where: []string{`action == "T"`}}); err != nil {
		t.Fatal(err)
	}
	if err := f.Check([]dbn.Schema{dbn.SchemaStatus}); err == nil || !strings.Contains(err.Error(), "column 11: action (a whole number) cannot be compared") {
		t.Error(err)
	}
}

func FuzzWhere(f *testing.F) {
	for _, seed := range []string{
		`size >= 100 && side == "B"`, "price * size > 1e6", "ts_recv - ts_event > 5ms || !(flags & 128 != 0)", `symbol in ["A", 'B', "\x41"]`,
		"levels[0].bid_px == null", `symbol like "[!A-Z]*\\?"`, "-(1 + 2.5e3) / 3 < order_id % 7", "hd.ts_event >= \"2026-11-15 23:00:00 +0000 UTC\"",
	} {
		f.Add(seed)
	}
	quote := samples.Quote(6012_000000000, 6012_250000000, 5, 9)
	f.Fuzz(func(t *testing.T, expression string) {
		made, err := New(Settings{Where: []string{expression}})
		if err != nil {
			var mistake *Error
			if !errors.As(err, &mistake) || mistake.Column < 1 || mistake.Column > len(expression)+1 {
				t.Errorf("%q: %v", expression, err)
			}
			return
		}
		made.Follow(func(dbn.Record) (string, bool) { return "ESZ6", true })
		negated, err := New(Settings{Where: []string{"!(" + expression + ")"}})
		if err != nil {
			return // nested too deeply by now
		}
		negated.Follow(func(dbn.Record) (string, bool) { return "ESZ6", true })
		for _, r := range []dbn.Record{dbn.Ref(&order().Hd), quote} {
			holds := made.Passes(r)
			if holds != made.Passes(r) {
				t.Errorf("%q changes its mind", expression)
			}
			// What has no meaning for a type of record holds in neither form.
			if holds && negated.Passes(r) {
				t.Errorf("%q and its opposite hold", expression)
			}
		}
	})
}
