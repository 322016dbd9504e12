package cli

import (
	"slices"
	"strconv"
	"strings"
)

// DidYouMean is what a message about an unknown name ends with: `; did you mean "size"?`. It is
// empty when no known name is near. Several that are equally near are all named, up to three.
func DidYouMean(typed string, names []string) string {
	var quoted []string
	for _, name := range nearest(typed, names) {
		quoted = append(quoted, strconv.Quote(name))
	}
	switch last := len(quoted) - 1; {
	case last < 0:
		return ""
	case last == 0:
		return "; did you mean " + quoted[0] + "?"
	default:
		last = min(last, 2)
		return "; did you mean " + strings.Join(quoted[:last], ", ") + " or " + quoted[last] + "?"
	}
}

// nearest are the names that were most likely meant by a mistyped one: those that take the fewest
// edits, at most one for three characters, or else the shortest one that begins with what was typed.
// Upper and lower case are the same.
func nearest(typed string, names []string) (found []string) {
	typed = strings.ToLower(typed)
	least := len([]rune(typed)) / 3
	for _, name := range names {
		switch d := distance(typed, strings.ToLower(name)); {
		case d < least:
			found, least = []string{name}, d
		case d == least && !slices.Contains(found, name):
			found = append(found, name)
		}
	}
	if len(found) > 0 || len(typed) < 2 {
		return found
	}
	for _, name := range names {
		if strings.HasPrefix(strings.ToLower(name), typed) && (found == nil || len(name) < len(found[0])) {
			found = []string{name}
		}
	}
	return found
}

// distance is how many characters must be inserted, deleted, replaced or swapped with their
// neighbor to make one text of the other.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range y {
			replaced := last[j]
			if x[i] != y[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(y)]
}
