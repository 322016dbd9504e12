package dbn

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the flags by name and number, e.g. "LAST | MBP (144)"; the number alone when no
// known flag is set.
func (f FlagSet) String() string {
	var b strings.Builder
	for _, known := range flagNames {
		if f&known.flag == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(known.name)
	}
	if b.Len() == 0 {
		return strconv.Itoa(int(f))
	}
	fmt.Fprintf(&b, " (%d)", uint8(f))
	return b.String()
}

// ParseFlagSet is the reverse of String; the number or the names may be missing. It refuses names
// and a number that disagree.
func ParseFlagSet(text string) (FlagSet, error) {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return FlagSet(n), nil
	}
	names, number, both := strings.Cut(text, "(")
	var flags, known FlagSet
	for name := range strings.SplitSeq(names, "|") {
		flag := flagNamed(strings.TrimSpace(name))
		if flag == 0 {
			return 0, fmt.Errorf("dbn: invalid flags %q: %q is unknown", text, strings.TrimSpace(name))
		}
		flags |= flag
	}
	if !both {
		return flags, nil
	}
	for _, k := range flagNames {
		known |= k.flag
	}
	digits, closed := strings.CutSuffix(number, ")")
	n, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || !closed || FlagSet(n)&known != flags { // a number may have bits without a name
		return 0, fmt.Errorf("dbn: invalid flags %q: the names and the number do not agree", text)
	}
	return FlagSet(n), nil
}

func flagNamed(name string) FlagSet {
	for _, known := range flagNames {
		if known.name == name {
			return known.flag
		}
	}
	return 0
}
