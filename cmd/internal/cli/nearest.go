package cli

import (
	"fmt"
	"strings"
)

// DidYouMean is what a message about an unknown name ends with: `; did you mean "size"?`. It is
// empty when no known name is near.
func DidYouMean(typed string, names []string) string {
	if name := Nearest(typed, names); name != "" {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

// Nearest is the name that was most likely meant by a mistyped one: the one that takes the fewest
// edits, at most one for three characters, or else the shortest one that begins with what was
// typed. Upper and lower case are the same. It is empty when there is not such a name.
func Nearest(typed string, names []string) string {
	typed = strings.ToLower(typed)
	nearest, least := "", len([]rune(typed))/3+1
	for _, name := range names {
		if d := distance(typed, strings.ToLower(name)); d < least {
			nearest, least = name, d
		}
	}
	if nearest != "" || len(typed) < 2 {
		return nearest
	}
	for _, name := range names {
		if strings.HasPrefix(strings.ToLower(name), typed) && (nearest == "" || len(name) < len(nearest)) {
			nearest = name
		}
	}
	return nearest
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
