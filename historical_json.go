package dbnloop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// The answers of the historical API are converted into values here and not by encoding/json,
// which continues after a wrong type; and a short text may stand for very many values. The
// memory that an answer needs is counted before it is allocated.

const (
	maxJSONDepth    = 64       // arrays and objects within each other
	maxAnswerFactor = 4        // maximum memory of an answer and its text, in sizes of its text
	minAnswerMemory = 48 << 20 // bytes that the values may need, however short the text is
)

// answerError is the reason why an answer is not as expected.
type answerError struct {
	code  ErrorCode
	place string
	what  string
}

func (e *answerError) Error() string {
	if e.place == "" {
		return e.what
	}
	return fmt.Sprintf("want %s at %s", e.what, e.place)
}

// readAnswer converts an answer into the value that into points to. The text may change once
// readAnswer has returned.
func readAnswer(text []byte, into any) (err error) {
	if jsonDepth(text) > maxJSONDepth {
		return &answerError{CodeParseError, "", fmt.Sprintf("it is nested deeper than %d", maxJSONDepth)}
	}
	if !json.Valid(text) {
		return &answerError{CodeParseError, "", "it is not JSON"}
	}
	defer func() {
		if problem := recover(); problem != nil {
			e, ok := problem.(*answerError)
			if !ok {
				panic(problem)
			}
			err = e
		}
	}()
	text = bytes.TrimSpace(text)
	v := jsonValue{text: text, budget: &answerBudget{size: len(text), left: max(minAnswerMemory, (maxAnswerFactor-1)*len(text))}}
	// null would pass as nothing: a cost of 0, a job without an id.
	if v.isNull() {
		v.want("a value")
	}
	v.into(reflect.ValueOf(into).Elem())
	return nil
}

// jsonDepth is the nesting depth of brackets in a text, whether it is JSON or not.
func jsonDepth(text []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // the next quote does not end the string
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// answerBudget is the memory that the values of an answer may still take.
type answerBudget struct{ size, left int }

func (b *answerBudget) take(count int, size uintptr) {
	if size != 0 && count > b.left/int(size) {
		panic(&answerError{CodeLimitExceeded, "", fmt.Sprintf(
			"it has so many small values that they need more than %d times the memory of its %d bytes; ask for less, or read it with Do",
			maxAnswerFactor, b.size)})
	}
	b.left -= count * int(size)
}

// jsonValue is a value within a checked document, and its path for messages, which consists of
// our own names and of positions, not of names that the peer chose.
type jsonValue struct {
	text   []byte // without surrounding blanks
	budget *answerBudget
	in     *jsonValue
	key    string // of a member; "[" or "{" and index: which item or member
	index  int
}

func (v *jsonValue) place() string {
	switch {
	case v.in == nil:
		return "$"
	case v.key == "[":
		return fmt.Sprintf("%s[%d]", v.in.place(), v.index)
	case v.key == "{":
		return fmt.Sprintf("%s{%d}", v.in.place(), v.index)
	}
	return v.in.place() + "." + v.key
}

func (v *jsonValue) want(what string) { panic(&answerError{CodeParseError, v.place(), what}) }
func (v *jsonValue) isNull() bool     { return v.text[0] == 'n' }

// skipBlanks returns the first position from at on that is neither a blank nor a separator.
func skipBlanks(text []byte, at int) int {
	for strings.IndexByte(" \t\r\n,:", text[at]) >= 0 {
		at++
	}
	return at
}

// jsonEnd is the position after the value that begins at a position.
func jsonEnd(text []byte, at int) int {
	depth := 0
	for {
		switch c := text[at]; c {
		case '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
			at++
		case '[', '{':
			depth++
			at++
		case ']', '}':
			depth--
			at++
		default:
			at++
			for depth == 0 && at < len(text) && strings.IndexByte(" \t\r\n,]}", text[at]) < 0 {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}

// each calls f for each value between the brackets; a key counts as one.
func (v *jsonValue) each(f func(text []byte)) {
	for at := skipBlanks(v.text, 1); v.text[at] != ']' && v.text[at] != '}'; {
		end := jsonEnd(v.text, at)
		f(v.text[at:end])
		at = skipBlanks(v.text, end)
	}
}

func (v *jsonValue) items(f func(item *jsonValue)) {
	item := jsonValue{budget: v.budget, in: v, key: "["}
	v.each(func(text []byte) {
		item.text = text
		f(&item)
		item.index++
	})
}

func (v *jsonValue) members(f func(key []byte, member *jsonValue)) {
	member := jsonValue{budget: v.budget, in: v, key: "{"}
	var key []byte
	v.each(func(text []byte) {
		if key == nil {
			key = text
			return
		}
		member.text = text
		f(key, &member)
		key = nil
		member.index++
	})
}

func (v *jsonValue) count() (n int) {
	v.each(func([]byte) { n++ })
	return n
}

// string returns the characters of a string, once they are within the budget.
func (v *jsonValue) string(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	v.budget.take(len(inner), 1)
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	return unescape(inner)
}

// unescape returns the characters of a checked string. Invalid UTF-8 and half of a surrogate
// pair become U+FFFD, as in encoding/json.
func unescape(inner []byte) string {
	var out strings.Builder
	for len(inner) > 0 {
		if inner[0] != '\\' {
			r, size := utf8.DecodeRune(inner)
			out.WriteRune(r)
			inner = inner[size:]
			continue
		}
		if inner[1] != 'u' {
			out.WriteByte("\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, inner[1])])
			inner = inner[2:]
			continue
		}
		r := hexUnit(inner)
		inner = inner[6:]
		if utf16.IsSurrogate(r) {
			if r = utf16.DecodeRune(r, hexUnit(inner)); r != utf8.RuneError {
				inner = inner[6:]
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// hexUnit is the unit of a \uXXXX at the beginning of a text; -1 without one.
func hexUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// mapEntry is about the memory that an entry of a map takes in addition to its key and value:
// free slots, and the key as SetMapIndex needs it.
const mapEntry = 32

// into reads the value. A struct takes the members that it has fields for, and a pointer may be
// null; a null changes nothing.
func (v *jsonValue) into(out reflect.Value) {
	if v.isNull() {
		return
	}
	if list, ok := out.Addr().Interface().(*SymbolList); ok {
		v.intoSymbols(list)
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		v.budget.take(1, out.Type().Elem().Size())
		out.Set(reflect.New(out.Type().Elem()))
		v.into(out.Elem())
	case reflect.Struct:
		v.require('{', "an object")
		v.members(func(key []byte, member *jsonValue) {
			if field, name := fieldOf(out, key); field.IsValid() {
				member.key = name
				member.into(field)
				member.key = "{"
			}
		})
	case reflect.Slice:
		v.require('[', "a list")
		n := v.count()
		if elem := out.Type().Elem(); n > v.budget.left/int(elem.Size()) {
			v.checkFirst(elem) // a wrong type is more informative than an excessive number
		}
		v.budget.take(n, out.Type().Elem().Size())
		out.Set(reflect.MakeSlice(out.Type(), n, n))
		v.items(func(item *jsonValue) { item.into(out.Index(item.index)) })
	case reflect.Map:
		v.require('{', "an object")
		n := v.count() / 2
		elem := out.Type().Elem()
		v.budget.take(n, unsafe.Sizeof("")+elem.Size()+mapEntry)
		out.Set(reflect.MakeMapWithSize(out.Type(), n))
		value := reflect.New(elem).Elem()
		v.members(func(key []byte, member *jsonValue) {
			value.SetZero()
			member.into(value)
			out.SetMapIndex(reflect.ValueOf(member.string(key)), value)
		})
	default:
		v.intoScalar(out)
	}
}

// checkFirst reads the first item of a list and discards it.
func (v *jsonValue) checkFirst(elem reflect.Type) {
	v.items(func(item *jsonValue) {
		if item.index == 0 {
			item.into(reflect.New(elem).Elem())
		}
	})
}

func (v *jsonValue) require(first byte, what string) {
	if v.text[0] != first {
		v.want(what)
	}
}

func (v *jsonValue) intoScalar(out reflect.Value) {
	text := unsafe.String(&v.text[0], len(v.text))
	switch out.Kind() {
	case reflect.String:
		v.require('"', "a string")
		out.SetString(v.string(v.text))
	case reflect.Bool:
		if text != "true" && text != "false" {
			v.want("true or false")
		}
		out.SetBool(text == "true")
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		// All of them are amounts of money.
		if err != nil || math.IsInf(f, 0) || f < 0 {
			v.want("a finite number of 0 or more")
		}
		out.SetFloat(f)
	case reflect.Uint16, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, out.Type().Bits())
		if err != nil {
			v.want("a whole number in range")
		}
		out.SetUint(n)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, out.Type().Bits())
		if err != nil {
			v.want("a whole number in range")
		}
		out.SetInt(n)
	default:
		panic("dbnloop: no answer holds a " + out.Type().String())
	}
}

// fieldOf finds the field that a member of that (quoted) key goes to.
func fieldOf(out reflect.Value, quoted []byte) (reflect.Value, string) {
	for i := range out.NumField() {
		field := out.Type().Field(i)
		if field.Anonymous {
			if found, name := fieldOf(out.Field(i), quoted); found.IsValid() {
				return found, name
			}
			continue
		}
		name := field.Tag.Get("json")
		if len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name {
			return out.Field(i), name
		}
	}
	return reflect.Value{}, ""
}

// intoSymbols reads one string, or strings and numbers.
func (v *jsonValue) intoSymbols(out *SymbolList) {
	*out = nil
	if v.text[0] == '"' {
		all := v.string(v.text)
		if all != "" {
			v.budget.take(strings.Count(all, ",")+1, unsafe.Sizeof(""))
			*out = strings.Split(all, ",")
		}
		return
	}
	v.require('[', "a list")
	n := v.count()
	v.budget.take(n, unsafe.Sizeof(""))
	*out = make(SymbolList, 0, n)
	v.items(func(item *jsonValue) {
		if item.text[0] == '"' {
			*out = append(*out, item.string(item.text))
			return
		}
		if _, err := strconv.ParseUint(string(item.text), 10, 64); err != nil {
			item.want("a symbol")
		}
		v.budget.take(len(item.text), 1)
		*out = append(*out, string(item.text))
	})
}
