package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// docs mirrors schema/docs.json: what types, fields and values mean, in words.
type docs struct {
	Types  map[string]string            `json:"types"`
	Fields map[string]string            `json:"fields"` // by record.field, or by field
	Enums  map[string]map[string]string `json:"enums"`  // by value; the enum itself by ""
}

func loadDocs(path string) (*docs, error) {
	d := new(docs)
	return d, loadJSON(path, d)
}

func loadJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// field is what a field of a type means; false when nothing says it.
func (d *docs) field(of, name string) (string, bool) {
	if text, ok := d.Fields[of+"."+name]; ok {
		return text, true
	}
	text, ok := d.Fields[name]
	return text, ok
}

// language is what differs between comments in C++ and in Go.
type language struct {
	comment   string // begins one after a field or a value
	price     string // what is said of each price
	constants map[string]string
}

var cppWords = language{"  ///< ", "; 1 unit is 1e-9", map[string]string{
	"price": "kUndefPrice", "ts": "kUndefTimestamp", "size": "kUndefOrderSize", "quantity": "kUndefStatQuantity",
}}

var goWordsOfDocs = language{" // ", "", map[string]string{ // a Price says its unit
	"price": "UndefPrice", "ts": "UndefTimestamp", "size": "UndefOrderSize", "quantity": "UndefStatQuantity",
}}

// trailingField is the comment after a field.
func (d *docs) trailingField(in language, of string, f field) string {
	text, _ := d.field(of, f.Name)
	if text == "" || f.Type == "reserved" {
		return ""
	}
	if f.Fmt == "price" {
		text += in.price
	}
	return in.comment + text + in.unset(f)
}

// unset says what a field holds that was not given, where that is not one of an enum's
// values.
func (in language) unset(f field) string {
	none := string(f.Undef)
	switch {
	case none == "" || f.Enum != "" && f.Type == "char":
		return ""
	case f.Type == "char":
		none = "'" + none + "'"
	case f.Fmt != "":
		none = in.constants[f.Fmt]
	case f.Name == "quantity" && f.Type == "i32": // of versions 1 and 2
	case in.constants[f.Name] != "":
		none = in.constants[f.Name]
	}
	return "; " + none + " if undefined"
}

// trailingValue is the comment after an enum's value.
func (d *docs) trailingValue(in language, enum, value string) string {
	if text := d.Enums[enum][value]; text != "" {
		return in.comment + text
	}
	return ""
}

// ofType is the sentence about a type: its name, and what it is.
func (d *docs) ofType(name, as string) string { return as + " " + d.Types[name] }

// ofEnum are the lines about an enum.
func (d *docs) ofEnum(name, comment string) string {
	lines := comment + name + " " + d.Enums[name][""] + "\n"
	if !slices.Contains(sentOnly, name) {
		lines += comment + "Unlisted values may occur and are preserved.\n"
	}
	return lines
}

// sentOnly are the enums whose values come from this side alone.
var sentOnly = []string{"VersionUpgradePolicy", "SlowReaderBehavior", "HistoricalGateway", "FlagSet"}

// withTrailing puts the comments of a struct or a class that is written by hand after the
// declarations that end with the names.
func withTrailing(text string, comments map[string]string) string {
	for end, comment := range comments {
		if !strings.Contains(text, end+";\n") {
			panic("nothing ends with " + end)
		}
		text = strings.Replace(text, end+";\n", end+";"+comment+"\n", 1)
	}
	return text
}
