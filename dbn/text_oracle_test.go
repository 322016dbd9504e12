package dbn_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

// An oracle for text: it reads the layouts from the schema and writes one value after the other,
// in the plainest way.

type schemaField struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Fmt    string `json:"fmt"`
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
}

type schemaLayout struct {
	Name        string        `json:"name"`
	Size        int           `json:"size"`
	Fields      []schemaField `json:"fields"`
	TextColumns []string      `json:"text_columns"`
}

type textSchema struct {
	Structs []schemaLayout `json:"structs"`
	Records []struct {
		RTypes   []dbn.RType             `json:"rtype"`
		Versions map[string]schemaLayout `json:"versions"`
	} `json:"records"`
}

// textField is a column: its group is "" for a member of the record, else "hd" or "levels".
type textField struct {
	schemaField
	column, group string
	level         int
}

type textOracle struct {
	rtype  dbn.RType
	size   int
	fields []textField
}

// textOracles gives the oracle of every layout of every rtype.
func textOracles(t *testing.T) []textOracle {
	t.Helper()
	text, err := os.ReadFile("../schema/dbn.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema textSchema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	structs := map[string]schemaLayout{}
	for _, s := range schema.Structs {
		structs[s.Name] = s
	}
	var all []textOracle
	for _, record := range schema.Records {
		for _, rtype := range record.RTypes {
			for _, version := range []string{"1", "2", "3"} {
				l := record.Versions[version]
				o := textOracle{rtype: rtype, size: l.Size}
				for _, name := range l.TextColumns {
					o.fields = append(o.fields, fieldOfColumn(t, structs, l, name))
				}
				if !slices.ContainsFunc(all, func(before textOracle) bool { return before.rtype == rtype && before.size == o.size }) {
					all = append(all, o)
				}
			}
		}
	}
	return all
}

func fieldOfColumn(t *testing.T, structs map[string]schemaLayout, l schemaLayout, column string) textField {
	t.Helper()
	for _, f := range l.Fields {
		switch {
		case f.Name == column:
			return textField{f, column, "", 0}
		case f.Name == "hd":
			for _, f := range structs["RecordHeader"].Fields {
				if f.Name == column {
					return textField{f, column, "hd", 0}
				}
			}
		case f.Name == "levels":
			for _, sub := range structs[f.Type].Fields {
				var level int
				if n, _ := fmt.Sscanf(column, sub.Name+"_%02d", &level); n == 1 {
					sub.Offset += f.Offset + level*structs[f.Type].Size
					return textField{sub, column, "levels", level}
				}
			}
		}
	}
	t.Fatalf("no field for column %s", column)
	return textField{}
}

// value gives a field as text, and whether it is a string of JSON.
func (f textField) value(record []byte, pretty bool) (text string, isString, isNull bool) {
	b := record[f.Offset : f.Offset+f.Size]
	var u uint64
	switch f.Size {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(binary.LittleEndian.Uint16(b))
	case 4:
		u = uint64(binary.LittleEndian.Uint32(b))
	case 8:
		u = binary.LittleEndian.Uint64(b)
	}
	switch {
	case f.Type == "cstr":
		text, _, ended := strings.Cut(string(b), "\x00")
		if !ended || !utf8.ValidString(text) {
			text = ""
		}
		return text, true, false
	case f.Type == "char":
		return charText(b[0]), true, b[0] == 0
	case f.Fmt == "ts":
		return timeText(u, pretty)
	case f.Fmt == "price" && pretty:
		p := int64(u)
		if p == math.MaxInt64 {
			return "", true, true
		}
		sign := ""
		if p < 0 {
			sign = "-"
			u = -u
		}
		return fmt.Sprintf("%s%d.%09d", sign, u/1e9, u%1e9), true, false
	case f.Type[0] == 'i':
		shift := 64 - 8*f.Size
		return strconv.FormatInt(int64(u<<shift)>>shift, 10), f.Size == 8, false
	}
	return strconv.FormatUint(u, 10), f.Size == 8, false
}

func timeText(u uint64, pretty bool) (text string, isString, isNull bool) {
	switch {
	case !pretty:
		return strconv.FormatUint(u, 10), true, false
	case u == 0 || u == math.MaxUint64:
		return "", true, true
	}
	return time.Unix(int64(u/1e9), int64(u%1e9)).UTC().Format("2006-01-02T15:04:05.000000000Z"), true, false
}

func charText(c byte) string {
	switch {
	case c == 0:
		return ""
	case c == '\'' || c == '"' || c == '\\':
		return `\` + string(c)
	case c >= ' ' && c < 0x7F:
		return string(c)
	}
	if i := strings.IndexByte("\t\r\n", c); i >= 0 {
		return []string{`\t`, `\r`, `\n`}[i]
	}
	return fmt.Sprintf(`\x%02x`, c)
}

func (o *textOracle) csv(record []byte, tsOut uint64, symbol string, options *dbn.TextOptions) string {
	var cells []string
	for _, f := range o.fields {
		text, _, _ := f.value(record, options.Pretty)
		cells = append(cells, text)
	}
	if options.TsOut {
		text, _, _ := timeText(tsOut, options.Pretty)
		cells = append(cells, text)
	}
	if options.MapSymbol {
		cells = append(cells, symbol)
	}
	delimiter := options.Delimiter
	if delimiter == 0 {
		delimiter = ','
	}
	for i, cell := range cells {
		if strings.ContainsAny(cell, "\"\r\n") || strings.IndexByte(cell, delimiter) >= 0 {
			cells[i] = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
	}
	return strings.Join(cells, string([]byte{delimiter})) + "\n"
}

func (o *textOracle) json(record []byte, tsOut uint64, symbol string, known bool, options *dbn.TextOptions) string {
	var record1, header []string
	members := &record1
	var levels [][]string
	for i, f := range o.fields {
		if i > 0 && o.fields[i-1].group == "hd" && f.group != "hd" {
			record1 = append(record1, `"hd":{`+strings.Join(header, ",")+"}")
		}
		key := f.column
		switch f.group {
		case "":
			members = &record1
		case "hd":
			members = &header
		case "levels":
			if f.level == len(levels) {
				levels = append(levels, nil)
			}
			members, key = &levels[f.level], f.Name
		}
		*members = append(*members, `"`+key+`":`+f.json(record, options))
	}
	if o.fields[len(o.fields)-1].group == "hd" {
		record1 = append(record1, `"hd":{`+strings.Join(header, ",")+"}")
	}
	if levels != nil {
		var items []string
		for _, level := range levels {
			items = append(items, "{"+strings.Join(level, ",")+"}")
		}
		record1 = append(record1, `"levels":[`+strings.Join(items, ",")+"]")
	}
	if options.TsOut {
		text, _, isNull := timeText(tsOut, options.Pretty)
		record1 = append(record1, `"ts_out":`+quoted(text, isNull))
	}
	if options.MapSymbol {
		if !options.Exact {
			symbol = string([]rune(symbol)) // each bad byte becomes U+FFFD
		}
		record1 = append(record1, `"symbol":`+quoted(escaped(symbol), !known))
	}
	return "{" + strings.Join(record1, ",") + "}"
}

func quoted(text string, isNull bool) string {
	if isNull {
		return "null"
	}
	return `"` + text + `"`
}

func (f textField) json(record []byte, options *dbn.TextOptions) string {
	text, isString, isNull := f.value(record, options.Pretty)
	switch {
	case !isString:
		return text
	case f.Type == "cstr":
		text = escaped(text)
	case f.Type == "char" && !options.Exact && (strings.HasPrefix(text, `\x`) || text == `\'`):
		if c := record[f.Offset]; c == '\'' {
			text = "'"
		} else {
			text = fmt.Sprintf(`\u00%02X`, c)
		}
	}
	return quoted(text, isNull)
}

// escaped is what a JSON string holds.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if at := strings.IndexByte("\"\\/\b\f\n\r\t", c); at >= 0 {
			b.WriteString(`\` + `"\/bfnrt`[at:at+1])
		} else if c < ' ' {
			fmt.Fprintf(&b, `\u%04X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hostileValues are what random bytes seldom are.
var hostileValues = []uint64{
	0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999_999, 100_000_000, 999_999_999, 1e9, 9_999_999_999, 1e10,
	1e15, 1e16 - 1, 1e16, 1e17, 1e18 - 1, 1e18, 1e19 - 1, 1e19, math.MaxInt64, math.MaxInt64 - 1, 1 << 63, 1<<63 + 1, math.MaxUint64, math.MaxUint64 - 1,
	math.MaxUint32, math.MaxInt32, 1 << 31, math.MaxUint16, 951_782_399_999_999_999, 951_782_400e9, 1_709_164_800e9, 4_102_444_800e9, 253e9, 0xFFFF_FFFF_0000_0001,
}

// randomRecord fills a record with numbers of all sizes, and with text.
func randomRecord(r *rand.Rand, o *textOracle, words []uint64) []byte {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
	for i := range words {
		switch r.IntN(4) {
		case 0:
			words[i] = r.Uint64()
		case 1:
			words[i] = r.Uint64() >> r.IntN(64)
		case 2:
			words[i] = hostileValues[r.IntN(len(hostileValues))]
		default:
			words[i] = 1_794_787_200e9 + r.Uint64N(1e10) // most times are close to each other
		}
		if r.IntN(8) == 0 {
			words[i] = -words[i]
		}
	}
	for _, f := range o.fields {
		field := b[f.Offset : f.Offset+f.Size]
		switch {
		case f.Type == "cstr":
			fillText(r, field)
		case f.Type == "char" && r.IntN(3) > 0:
			const usual = "ABCFMNTZ,\"\\'/;|\t\n \x00"
			field[0] = usual[r.IntN(len(usual))]
		}
	}
	b[0], b[1] = byte(len(b)/4), byte(o.rtype)
	return b
}

func fillText(r *rand.Rand, field []byte) {
	alphabets := []string{"ABCZ0123456789 .-", "A,\"B\\/'\t\r\n;|\x01\x1F\x7F", "é€😀A", "\x80\xFFA\xC3", "\""}
	alphabet := alphabets[r.IntN(len(alphabets))]
	for i := range field {
		field[i] = alphabet[i%len(alphabet)]
		if r.IntN(2) == 0 && alphabet[0] < utf8.RuneSelf {
			field[i] = alphabet[r.IntN(len(alphabet))]
		}
	}
	if end := r.IntN(len(field) + 1); end < len(field) { // else it has no end
		clear(field[end:])
		if r.IntN(4) == 0 {
			copy(field[end+1:], "behind")
		}
	}
}

// The text of every record type with every option, by a Formatter that remembers what it wrote
// before and by the functions that remember nothing, into memory that ends where it may.
func TestTextIsThatOfTheOracle(t *testing.T) {
	race.SkipOneGoroutine(t)
	random := rand.New(rand.NewPCG(13, 2))
	const rounds = 10
	symbols := []string{"", "ESZ6", "A,\"B", "é", "E\xFF\xE2\x82", "tab\tline\n", strings.Repeat("\"", 70), "a;b|c d'\\/\x01"}
	for _, oracle := range textOracles(t) {
		for options := range everyOption {
			size := oracle.size
			if options.TsOut {
				size += 8
			}
			formatter := dbn.NewFormatter(options)
			for range rounds {
				record := randomRecord(random, &oracle, make([]uint64, size/8))
				r, err := dbn.RecordOf(record)
				if err != nil {
					t.Fatal(err)
				}
				columns := dbn.ColumnsOf(r)
				if len(columns) != len(oracle.fields) {
					t.Fatalf("%v of %d bytes has %d columns, want %d", oracle.rtype, size, len(columns), len(oracle.fields))
				}
				tsOut := binary.LittleEndian.Uint64(record[size-8:])
				symbol, known := symbols[random.IntN(len(symbols))], random.IntN(4) > 0
				compare := func(how string, got []byte, want string) {
					t.Helper()
					if string(got) != want {
						t.Fatalf("%v, %d bytes, %s, %+v: % x\n%q\nwant\n%q", oracle.rtype, size, how, options, record, got, want)
					}
				}
				csv := oracle.csv(record, tsOut, symbol, &options)
				compare("CSV", formatter.AppendCSV(nil, r, columns, symbol), csv)
				compare("CSV alone", dbn.AppendCSV(nil, r, columns, symbol, &options), csv)
				compare("CSV after text", formatter.AppendCSV([]byte("x"), r, columns, symbol), "x"+csv)
				object := oracle.json(record, tsOut, symbol, known, &options)
				if options.Indent {
					object = string(dbn.AppendIndented(nil, []byte(object)))
				}
				compare("JSON", formatter.AppendJSON(nil, r, columns, symbol, known), object)
				compare("JSON alone", dbn.AppendJSON(nil, r, columns, symbol, known, &options), object)
				chosen := append([]dbn.Column(nil), columns...) // which takes the way of a choice
				compare("CSV of a choice", formatter.AppendCSV(nil, r, chosen, symbol), csv)
				compare("JSON of a choice", formatter.AppendJSON([]byte("x"), r, chosen, symbol, known), "x"+object)
			}
		}
	}
}

// everyOption yields every combination of options.
func everyOption(yield func(dbn.TextOptions) bool) {
	for bits := range 1 << 5 {
		for _, delimiter := range []byte{0, '\t', ';', 'x'} {
			if !yield(dbn.TextOptions{
				Pretty: bits&1 != 0, TsOut: bits&2 != 0, MapSymbol: bits&4 != 0, Exact: bits&8 != 0, Indent: bits&16 != 0, Delimiter: delimiter,
			}) {
				return
			}
		}
	}
}

// The longest text of a layout is what its memory is reserved for: nothing may be written after
// the room that was asked for, whatever the record holds.
func TestTextStaysInItsRoom(t *testing.T) {
	race.SkipOneGoroutine(t)
	canaries := bytes.Repeat([]byte{0xA5}, 16<<10)
	memory := bytes.Clone(canaries)
	for _, oracle := range textOracles(t) {
		words := make([]uint64, oracle.size/8+1)
		record := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
		for _, fill := range []uint64{0x8000_0000_0000_0001, 0x0101_0101_0101_0101, 0x2222_2222_2222_2222, 0xFEFE_FEFE_FEFE_FEFE, 0x0D0D_0D0D_0D0D_0D0D} {
			for i := range words {
				words[i] = fill
			}
			for _, f := range oracle.fields {
				if f.Type == "cstr" {
					record[f.Offset+f.Size-1] = 0
				}
			}
			record[0], record[1] = byte(len(record)/4), byte(oracle.rtype)
			r := dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(words)))
			for options := range everyOption {
				formatter := dbn.NewFormatter(options)
				for _, format := range []func([]byte) []byte{
					func(dst []byte) []byte { return formatter.AppendCSV(dst, r, dbn.ColumnsOf(r), `"""`) },
					func(dst []byte) []byte { return formatter.AppendJSON(dst, r, dbn.ColumnsOf(r), `"""`, true) },
				} {
					// The smallest capacity with which the text is not moved to other memory.
					room := sort.Search(len(memory), func(n int) bool {
						return unsafe.SliceData(format(memory[:0:n])) == unsafe.SliceData(memory)
					})
					copy(memory, canaries)
					if text := format(memory[:0:room]); len(text) > room {
						t.Fatalf("%v, %+v: %d bytes in a room of %d", oracle.rtype, options, len(text), room)
					}
					if after := len(memory) - room; !bytes.Equal(memory[room:], canaries[:after]) {
						t.Fatalf("%v, %+v: bytes after the room of %d were written", oracle.rtype, options, room)
					}
				}
			}
		}
	}
}
