package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var cScalars = map[string]string{
	"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t",
	"i8": "int8_t", "i16": "int16_t", "i32": "int32_t", "i64": "int64_t", "char": "char",
}

var cWordsOfDocs = language{"  // ", "; 1 unit is 1e-9", map[string]string{
	"price": "DBNLOOP_UNDEF_PRICE", "ts": "DBNLOOP_UNDEF_TIMESTAMP",
	"size": "DBNLOOP_UNDEF_ORDER_SIZE", "quantity": "DBNLOOP_UNDEF_STAT_QUANTITY",
}}

var (
	wordEnd  = regexp.MustCompile(`([a-z0-9])([A-Z][a-z0-9])|([A-Z])([A-Z][a-z])`)
	notAWord = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// cSnake turns "Mbp10Msg" into "mbp10_msg", and "Bbo1SMsg" into "bbo1s_msg".
func cSnake(name string) string {
	for range 2 { // matches do not overlap: the end of "Of" is found after that of "Out"
		name = wordEnd.ReplaceAllString(name, "${1}${3}_${2}${4}")
	}
	return strings.ToLower(name)
}

// cStruct names the C struct of a record or of a part of one.
func cStruct(name string) string { return "dbnloop_" + cSnake(name) }

// cEnumNames are the names that differ from the schema's in more than their spelling.
var cEnumNames = map[string]string{
	"SType": "stype", "RType": "rtype", "ErrorCode": "gateway_error_code",
	"VersionUpgradePolicy": "upgrade_policy", "FlagSet": "flag",
}

// cEnum names the C type of an enum of the schema.
func cEnum(name string) string {
	if own, ok := cEnumNames[name]; ok {
		return "dbnloop_" + own
	}
	return "dbnloop_" + cSnake(name)
}

// cPrefix is what the constants of an enum begin with.
func cPrefix(name string) string {
	switch name {
	case "VersionUpgradePolicy":
		return "DBNLOOP_UPGRADE_"
	case "SlowReaderBehavior":
		return "DBNLOOP_SLOW_READER_"
	}
	return strings.ToUpper(cEnum(name)) + "_"
}

// cConstant names a value: after its text where it has one, so that DBNLOOP_SCHEMA_MBP_1 is
// "mbp-1".
func cConstant(enumName string, e enum, value string) string {
	text, ok := e.Strings[value]
	if !ok {
		text = cSnake(strings.TrimPrefix(value, "Upgrade"))
	}
	return cPrefix(enumName) + strings.ToUpper(notAWord.ReplaceAllString(text, "_"))
}

// cValue is one constant of the C headers.
type cValue struct {
	Name   string // DBNLOOP_…
	Enum   string // of the schema
	Value  enumValue
	Number string // as C writes it
}

func cValues(name string, e enum) []cValue {
	var out []cValue
	for _, v := range e.sorted() {
		if name == "FlagSet" && v.Name == "RESERVED0" {
			continue // a bit without a meaning
		}
		number := cppNumber(name, v.Value)
		if e.Type == "char" {
			number = fmt.Sprintf("'%c'", v.Value)
		}
		out = append(out, cValue{cConstant(name, e, v.Name), name, v, number})
	}
	return out
}

func cEnumType(b *strings.Builder, s *schemaFile, name string, e enum) {
	if s.docs.Enums[name] != nil {
		b.WriteString(strings.Replace(s.docs.ofEnum(name, "// "), "// "+name+" ", "// "+cEnum(name)+" ", 1))
	}
	fmt.Fprintf(b, "typedef enum %s {\n", cEnum(name))
	values := cValues(name, e)
	null, hasNull := goNulls[name]
	for i, v := range values {
		comma := ","
		if i == len(values)-1 && !hasNull {
			comma = ""
		}
		fmt.Fprintf(b, "  %s = %s%s%s\n", v.Name, v.Number, comma, s.docs.trailingValue(cWordsOfDocs, name, v.Value.Name))
	}
	if hasNull {
		fmt.Fprintf(b, "  %sNONE = %s  // stands for a mixed or undefined value\n", cPrefix(name), null)
	}
	fmt.Fprintf(b, "} %s;\n\n", cEnum(name))
}

func cField(f field) string {
	switch {
	case f.Type == "cstr":
		return fmt.Sprintf("char %s[%d]", f.Name, f.Size)
	case f.Type == "reserved":
		return fmt.Sprintf("uint8_t %s[%d]", f.Name, f.Size)
	case f.Name == "levels":
		return fmt.Sprintf("%s levels[%d]", cStruct(f.Type), f.Count)
	case f.Type == "RecordHeader":
		return cStruct(f.Type) + " " + f.Name
	}
	return cScalars[f.Type] + " " + f.Name
}

// cFieldComment also names the enum whose constants are a field's values.
func cFieldComment(d *docs, of string, f field) string {
	comment := d.trailingField(cWordsOfDocs, of, f)
	if f.Enum == "" || f.Type == "reserved" {
		return comment
	}
	if comment == "" {
		comment = cWordsOfDocs.comment
	} else {
		comment += "; "
	}
	return comment + cEnum(f.Enum)
}

func cLayout(b *strings.Builder, d *docs, name string, l layout) {
	c := cStruct(name)
	fmt.Fprintf(b, "typedef struct %s {\n", c)
	for _, f := range l.Fields {
		fmt.Fprintf(b, "  %s;%s\n", cField(f), cFieldComment(d, name, f))
	}
	fmt.Fprintf(b, "} %s;\nDBNLOOP_SIZE(%s, %d);\n", c, c, l.Size)
	for _, f := range l.Fields {
		fmt.Fprintf(b, "DBNLOOP_FIELD(%s, %s, %d, %d);\n", c, f.Name, f.Offset, f.Size)
	}
	b.WriteString("\n")
}

// cConsts are the constants of the schema that C names, and how C writes them.
func cConsts(s *schemaFile) [][3]string {
	c := func(name string) string { return string(s.Consts[name]) }
	return [][3]string{
		{"DBNLOOP_DBN_VERSION", c("DBN_VERSION"), "The version of DBN whose layouts these are."},
		{"DBNLOOP_FIXED_PRICE_SCALE", "INT64_C(" + c("FIXED_PRICE_SCALE") + ")", "One unit of a price is 1 / DBNLOOP_FIXED_PRICE_SCALE."},
		{"DBNLOOP_UNDEF_PRICE", "INT64_C(" + c("UNDEF_PRICE") + ")", "An undefined price."},
		{"DBNLOOP_UNDEF_TIMESTAMP", "UINT64_C(" + c("UNDEF_TIMESTAMP") + ")", "An undefined time."},
		{"DBNLOOP_UNDEF_ORDER_SIZE", "UINT32_C(" + c("UNDEF_ORDER_SIZE") + ")", "An undefined size."},
		{"DBNLOOP_UNDEF_STAT_QUANTITY", "INT64_C(" + c("UNDEF_STAT_QUANTITY_V3") + ")", "An undefined quantity of a statistic."},
		{"DBNLOOP_SYMBOL_CSTR_LEN", c("SYMBOL_CSTR_LEN_V3"), "The size in bytes of a symbol in a record, including its NUL."},
		{"DBNLOOP_ASSET_CSTR_LEN", c("ASSET_CSTR_LEN_V3"), "The size in bytes of an asset in a record, including its NUL."},
		{"DBNLOOP_RECORD_LENGTH_MULTIPLIER", c("RECORD_LENGTH_MULTIPLIER"), "The unit in bytes of dbnloop_record_header.length."},
		{"DBNLOOP_MAX_RECORD_LEN", c("MAX_RECORD_LEN"), "The size in bytes of the largest known record, including ts_out."},
		{"DBNLOOP_LIVE_PORT", c("LIVE_PORT"), "The live gateway's port."},
		{"DBNLOOP_ALL_SYMBOLS", fmt.Sprintf("%q", c("ALL_SYMBOLS")), "Selects every instrument of a dataset."},
	}
}

// cNamedEnums are the enums of dbnloop_enum. Their numbers are part of the ABI: append.
func cNamedEnums() []string { return slices.Concat(recordEnums, cPublisherEnums) }

var cPublisherEnums = []string{"Venue", "Dataset", "Publisher"}

// cNamedEnum is an enumerator of dbnloop_enum.
func cNamedEnum(name string) string {
	return "DBNLOOP_ENUM_" + strings.ToUpper(strings.TrimPrefix(cEnum(name), "dbnloop_"))
}

const cBegin = "// Code generated by internal/gen from schema/dbn.json. DO NOT EDIT.\n// clang-format off\n"

func genCRecords(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cBegin + `//
// The records of DBN, a name for each of their numbers, and checked views of them. dbnloop.h
// includes this file. Every layout is checked when the header is compiled.
#ifndef DBNLOOP_RECORDS_H
#define DBNLOOP_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define DBNLOOP_ASSERT(condition, text) static_assert(condition, text)
#else
#define DBNLOOP_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define DBNLOOP_SIZE(type, bytes) DBNLOOP_ASSERT(sizeof(type) == (bytes), #type)
#define DBNLOOP_FIELD(type, field, offset, bytes)                                   \
  DBNLOOP_ASSERT(offsetof(type, field) == (offset) &&                               \
                     sizeof(((type*)0)->field) == (bytes), #type "." #field)

// ---- Constants ----

`)
	for _, c := range cConsts(s) {
		fmt.Fprintf(&b, "// %s\n#define %s %s\n", c[2], c[0], c[1])
	}
	b.WriteString("\n// ---- Enums ----\n\n")
	for _, name := range append(slices.Clone(recordEnums), "FlagSet") {
		cEnumType(&b, s, name, s.Enums[name])
	}
	b.WriteString(`// dbnloop_enum names the enums whose values have texts: see dbnloop_enum_text. More may be
// appended.
typedef enum dbnloop_enum {
`)
	all := cNamedEnums()
	for i, name := range all {
		comma := ","
		if i == len(all)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  %s = %d%s\n", cNamedEnum(name), i+1, comma)
	}
	b.WriteString("} dbnloop_enum;\n\n// ---- Records ----\n\n")
	for _, l := range s.Structs {
		fmt.Fprintf(&b, "// %s\n", s.docs.ofType(l.Name, cStruct(l.Name)))
		cLayout(&b, s.docs, l.Name, l)
	}
	b.WriteString(`// Returns the size of a record in bytes, including its ts_out.
static inline size_t dbnloop_record_size(const dbnloop_record_header* record) {
  return (size_t)record->length * DBNLOOP_RECORD_LENGTH_MULTIPLIER;
}

`)
	for i := range s.Records {
		cRecord(&b, s, &s.Records[i])
	}
	b.WriteString(`#undef DBNLOOP_FIELD
#undef DBNLOOP_SIZE
#undef DBNLOOP_ASSERT
#ifdef __cplusplus
}
#endif

#endif  // DBNLOOP_RECORDS_H
`)
	return b.String()
}

func cRecord(b *strings.Builder, s *schemaFile, r *record) {
	c := cStruct(r.Name)
	fmt.Fprintf(b, "// %s\n// Schemas: %s.\n", s.docs.ofType(r.Name, c), orNone(strings.Join(r.Schemas, ", ")))
	cLayout(b, s.docs, r.Name, r.latest())
	var tests []string
	rtypes := s.Enums["RType"]
	for _, name := range r.RNames {
		tests = append(tests, "record->rtype == "+cConstant("RType", rtypes, name))
	}
	fmt.Fprintf(b, `// Returns the record as a %s; NULL if it is not one, or is too short for one.
static inline const %s* %s_if(const dbnloop_record_header* record) {
  const int is_one =
      record != NULL && dbnloop_record_size(record) >= sizeof(%s) &&
      (%s);
  return is_one ? (const %s*)record : NULL;
}

`, c, c, c, c, strings.Join(tests, " ||\n       "), c)
	for _, alias := range r.Aliases {
		fmt.Fprintf(b, "typedef %s %s;\n\n", c, cStruct(alias))
	}
}

func genCPublishers(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cBegin + `//
// The ids of publishers, datasets and venues. New ones may be added: unlisted values may
// occur. dbnloop.h includes this file.
#ifndef DBNLOOP_PUBLISHERS_H
#define DBNLOOP_PUBLISHERS_H

`)
	for _, name := range cPublisherEnums {
		cEnumType(&b, s, name, publisherEnum(s, name))
	}
	b.WriteString("#endif  // DBNLOOP_PUBLISHERS_H\n")
	return b.String()
}

// cStatus names the C constant of an error code.
func cStatus(c errorCode) string { return "DBNLOOP_" + strings.ToUpper(cSnake(c.Name)) }

func genCStatus(codes []errorCode) string {
	var b strings.Builder
	b.WriteString(errorsBanner + `// clang-format off
//
// dbnloop.h includes this file.
#ifndef DBNLOOP_STATUS_H
#define DBNLOOP_STATUS_H

// Why an operation failed. New codes may be appended.
typedef enum dbnloop_status {
  DBNLOOP_OK = 0,
`)
	for i, c := range codes {
		comma := ","
		if i == len(codes)-1 {
			comma = ""
		}
		wrapped(&b, "  //", sentence(strings.ReplaceAll(c.Doc, "ConnectionClosed", "DBNLOOP_CONNECTION_CLOSED")), 88)
		fmt.Fprintf(&b, "  %s = %d%s\n", cStatus(c), i+1, comma)
	}
	b.WriteString("} dbnloop_status;\n\n#endif  // DBNLOOP_STATUS_H\n")
	return b.String()
}
