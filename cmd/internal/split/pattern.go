package split

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/dbn"
)

// Pattern is the name of a file with words in braces, for which the values of each file are put.
type Pattern struct {
	text   string
	pieces []piece
}

// piece is literal text, or a word.
type piece struct {
	text string
	word bool
}

// name is what the words of a pattern stand for.
type name struct {
	symbol string
	schema string
	at     time.Time // for {date} and {time}
	part   int       // from 1
}

// words are all that there are, with the expression that their values match.
var words = []struct{ name, values string }{
	{"symbol", `(.+)`},
	{"schema", `([a-z0-9-]+)`},
	{"date", `(\d{4}-\d{2}-\d{2})`},
	{"time", `(\d{6})`},
	{"part", `(\d{4,})`},
}

// layouts of {date}, as in the official tool, and {time}.
const (
	dateLayout = "2006-01-02"
	timeLayout = "150405"
)

// ParsePattern takes a pattern apart. It refuses words that do not exist, and a pattern whose
// files would leave the directory that it begins with.
func ParsePattern(text string) (*Pattern, error) {
	p := &Pattern{text: text}
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		length := strings.IndexByte(rest[max(open, 0):], '}')
		if open < 0 || length < 0 {
			p.pieces = append(p.pieces, piece{text: rest})
			break
		}
		if open > 0 {
			p.pieces = append(p.pieces, piece{text: rest[:open]})
		}
		word := rest[open+1 : open+length]
		if !slices.ContainsFunc(words, func(w struct{ name, values string }) bool { return w.name == word }) {
			return nil, fmt.Errorf("{%s} is unknown: want {symbol}, {schema}, {date}, {time} or {part}", word)
		}
		p.pieces = append(p.pieces, piece{word, true})
		rest = rest[open+length+1:]
	}
	return p, p.check()
}

// check refuses fixed text that leads somewhere else.
func (p *Pattern) check() error {
	if i := strings.IndexFunc(p.text, unicode.IsControl); i >= 0 {
		return fmt.Errorf("it contains the control character %q", p.text[i])
	}
	first := strings.IndexByte(p.text, '{')
	if first < 0 {
		return nil
	}
	// Up to the first word the directory is the user's choice; afterwards nothing leaves it.
	below := p.text[strings.LastIndexByte(p.text[:first], '/')+1:]
	if slices.Contains(strings.Split(below, "/"), "..") {
		return fmt.Errorf("after its first word, .. would leave the directory")
	}
	if strings.HasSuffix(p.text, "/") {
		return fmt.Errorf("it ends in /, so it names a directory")
	}
	return nil
}

// String is the pattern as it was given.
func (p *Pattern) String() string { return p.text }

// Has reports whether the pattern contains a word.
func (p *Pattern) Has(word string) bool { return slices.Contains(p.pieces, piece{word, true}) }

// Directory is where all files are: the directory in front of the first word.
func (p *Pattern) Directory() string {
	fixed, _, _ := strings.Cut(p.text, "{")
	return filepath.Dir(fixed + "x")
}

// path is the name of a file.
func (p *Pattern) path(n name) string {
	var b strings.Builder
	for _, piece := range p.pieces {
		switch {
		case !piece.word:
			b.WriteString(piece.text)
		case piece.text == "symbol":
			b.WriteString(escape(n.symbol))
		case piece.text == "schema":
			b.WriteString(n.schema)
		case piece.text == "date":
			b.WriteString(n.at.Format(dateLayout))
		case piece.text == "time":
			b.WriteString(n.at.Format(timeLayout))
		case piece.text == "part":
			fmt.Fprintf(&b, "%04d", n.part)
		}
	}
	if !p.Has("symbol") {
		return b.String()
	}
	// The directory is the user's; a symbol may give a name below it that means another one.
	dir := p.Directory()
	below := strings.TrimPrefix(b.String(), dir+"/")
	names := strings.Split(below, "/")
	for i := range names {
		if names[i] == "." || names[i] == ".." {
			names[i] = strings.ReplaceAll(names[i], ".", "%2E")
		}
	}
	return b.String()[:b.Len()-len(below)] + strings.Join(names, "/")
}

// escape makes a symbol a part of a file's name: what would name a directory, or steer a terminal,
// becomes % and two digits for each of its bytes. Different symbols stay different.
func escape(symbol string) string {
	var b strings.Builder
	for i := 0; i < len(symbol); {
		r, size := utf8.DecodeRuneInString(symbol[i:])
		if r == '/' || r == '%' || r == utf8.RuneError && size <= 1 || !unicode.IsPrint(r) {
			for _, c := range []byte(symbol[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(symbol[i : i+size])
		}
		i += size
	}
	return b.String()
}

// expression matches the paths of the pattern, each of its words as a group.
func (p *Pattern) expression() *regexp.Regexp {
	text := "^"
	for _, piece := range p.pieces {
		if !piece.word {
			text += regexp.QuoteMeta(piece.text)
			continue
		}
		for _, word := range words {
			if word.name == piece.text {
				text += word.values
			}
		}
	}
	return regexp.MustCompile(text + "$")
}

// nameOf finds out what the words of a path stand for, apart from the symbol and the schema.
func (p *Pattern) nameOf(path string, expression *regexp.Regexp) (n name, ok bool) {
	found := expression.FindStringSubmatch(path)
	if found == nil {
		return n, false
	}
	date, clock := "1970-01-01", "000000"
	for _, piece := range p.pieces {
		if !piece.word {
			continue
		}
		found = found[1:]
		switch piece.text {
		case "date":
			date = found[0]
		case "time":
			clock = found[0]
		case "part":
			n.part, _ = strconv.Atoi(found[0]) // digits; one that is too large sorts first
		}
	}
	at, err := time.Parse(dateLayout+timeLayout, date+clock)
	n.at = at
	return n, err == nil
}

// timeOf is a time as dates are made of it.
func timeOf(ts dbn.UnixNanos) time.Time {
	return time.Unix(int64(ts/1e9), int64(ts%1e9)).UTC()
}
