package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// odd are characters that must not reach a terminal, one of each kind.
var odd = map[string]string{
	"NUL": "\x00", "BEL": "\a", "line feed": "\n", "carriage return": "\r", "tab": "\t", "ESC": "\x1b", "DEL": "\x7f",
	"CSI": "\u009b", "OSC": "\u009d", "NEL": "\u0085", "soft hyphen": "\u00ad", "Arabic letter mark": "\u061c",
	"zero width space": "\u200b", "left-to-right mark": "\u200e", "line separator": "\u2028", "paragraph separator": "\u2029",
	"embedding": "\u202a", "override": "\u202e", "isolate": "\u2066", "end of isolate": "\u2069",
	"byte order mark": "\ufeff", "no-break space": "\u00a0", "private": "\ue000", "noncharacter": "\uffff", "tag": "\U000e0041",
	"replacement": "\ufffd", "lone byte": "\xff", "cut character": "\xe2\x80", "C1 as a byte": "\x9b", "surrogate": "\xed\xa0\x80",
}

func TestOddCharactersAreReplaced(t *testing.T) {
	for name, c := range odd {
		t.Run(name, func(t *testing.T) {
			text := "a" + c + "é漢😀z"
			for got, how := range map[string]string{
				Plain(text): "Plain", string(AppendPlain(nil, []byte(text), 0)): "AppendPlain",
			} {
				want := "a" + strings.Repeat("?", utf8.RuneCountInString(c)) + "é漢😀z"
				if got != want {
					t.Errorf("%s: %q, want %q", how, got, want)
				}
			}
		})
	}
	if got := string(AppendPlain(nil, []byte("a\tb\nc"), '\t')); got != "a\tb?c" {
		t.Errorf("with the tab kept: %q", got)
	}
}

func TestJSONKeepsItsValueWhenItIsMadePlain(t *testing.T) {
	for name, c := range odd {
		t.Run(name, func(t *testing.T) {
			text := "a" + c + "é漢😀z"
			var raw bytes.Buffer
			raw.WriteString("{\n  \"k\": \"")
			for _, b := range []byte(text) { // what encoders escape is escaped
				if b < ' ' {
					fmt.Fprintf(&raw, `\u%04x`, b)
				} else {
					raw.WriteByte(b)
				}
			}
			raw.WriteString("\"\n}\n")
			plain := AppendPlainJSON(nil, raw.Bytes())
			for _, r := range string(plain) {
				if r != '\n' && !IsPlain(r) {
					t.Errorf("%q is left in %q", r, plain)
				}
			}
			var got, want struct{ K string }
			if err := json.Unmarshal(plain, &got); err != nil {
				t.Fatalf("%v: %s", err, plain)
			}
			if err := json.Unmarshal(raw.Bytes(), &want); err != nil || got != want {
				t.Errorf("got %q, want %q (%v)", got.K, want.K, err)
			}
		})
	}
}
