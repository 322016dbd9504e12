package filter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/dbn"
)

// symbols knows the symbol of each record, and remembers what was found out about it.
type symbols struct {
	resolve func(dbn.Record) (string, bool) // at the time of the record
	choices map[*node]*choice               // by what asks: the field in an expression; nil: the filter
}

// choice is a question about a record's instrument and symbol, whose answer is kept: one for
// instrument and day.
type choice struct {
	symbols *symbols
	chosen  func(instrument uint32, symbol string, known bool) bool
	answers *[answers]answer // nil before the first question
}

// answer is for an instrument and the times from a day's beginning on.
type answer struct {
	from       uint64
	instrument uint32
	given, yes bool
}

const (
	answerBits  = 12
	answers     = 1 << answerBits
	nanosPerDay = 86_400_000_000_000
)

// choose makes what asks a question, or gives the one that was made for it before.
func (s *symbols) choose(asks *node, chosen func(instrument uint32, symbol string, known bool) bool) *choice {
	if c := s.choices[asks]; c != nil {
		return c
	}
	c := &choice{symbols: s, chosen: chosen}
	if s.choices == nil {
		s.choices = make(map[*node]*choice)
	}
	s.choices[asks] = c
	return c
}

// place is where the answer for an instrument is kept, perhaps in turn with others.
func place(instrument uint32) uint32 { return instrument * 0x9E37_79B1 >> (32 - answerBits) }

// holds is the answer for a record.
func (c *choice) holds(r dbn.Record) bool {
	instrument := r.Header().InstrumentID
	if c.answers == nil {
		c.answers = new([answers]answer)
	}
	a := &c.answers[place(instrument)]
	if a.given && a.instrument == instrument && uint64(r.IndexTs())-a.from < nanosPerDay {
		return a.yes
	}
	symbol, known := c.symbols.resolve(r)
	ts := uint64(r.IndexTs())
	*a = answer{ts - ts%nanosPerDay, instrument, true, c.chosen(instrument, symbol, known)}
	return a.yes
}

// forget drops what was found out about the instrument of a mapping.
func (s *symbols) forget(instrument uint32) {
	for _, c := range s.choices {
		if c.answers == nil {
			continue
		}
		if a := &c.answers[place(instrument)]; a.instrument == instrument {
			a.given = false
		}
	}
}

// forgetAll drops everything.
func (s *symbols) forgetAll() {
	for _, c := range s.choices {
		c.answers = nil
	}
}

// glob is a pattern of symbols: * stands for any characters, ? for one, [A-F] for one of a range,
// [!A-F] for one outside it, and \ makes the next character stand for itself.
type glob struct {
	text string
	exp  *regexp.Regexp
}

func newGlob(pattern string) (glob, error) {
	exp := ""
	for rest := pattern; rest != ""; {
		c, size := utf8.DecodeRuneInString(rest)
		next := rest[size:]
		switch c {
		case '*':
			exp += ".*"
		case '?':
			exp += "."
		case '[':
			class, after, closed := strings.Cut(next, "]")
			if !closed || class == "" || class == "!" {
				return glob{}, fmt.Errorf("pattern %q: a [ lacks its characters or its ]; \\[ is the character itself", pattern)
			}
			class, inverse := strings.CutPrefix(class, "!")
			class = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`).Replace(class)
			if exp += "["; inverse {
				exp += "^"
			}
			exp, next = exp+class+"]", after
		case '\\':
			if next == "" {
				return glob{}, fmt.Errorf("pattern %q: nothing follows its \\", pattern)
			}
			_, size = utf8.DecodeRuneInString(next)
			exp, next = exp+regexp.QuoteMeta(next[:size]), next[size:]
		default:
			exp += regexp.QuoteMeta(rest[:size])
		}
		rest = next
	}
	compiled, err := regexp.Compile("^(?s:" + exp + ")$")
	if err != nil {
		return glob{}, fmt.Errorf("pattern %q: the range in its [ ] is not valid", pattern)
	}
	return glob{pattern, compiled}, nil
}

func (g glob) matches(text string) bool { return g.text == text || g.exp.MatchString(text) }

func matchesAny(globs []glob, text string) bool {
	return slices.ContainsFunc(globs, func(g glob) bool { return g.matches(text) })
}
