package cli

import "strings"

// Nearest returns the name that was probably meant by a mistyped one, without regard to case, or
// "" where none is near: at most a third of its characters may differ, and at least one may. A
// name that the text begins, such as "def" of "definition", is near as well if it is the only one.
func Nearest(text string, names []string) string {
	text = strings.ToLower(text)
	if text == "" {
		return ""
	}
	best, least := "", max(1, len(text)/3)+1
	var begun []string
	for _, name := range names {
		lower := strings.ToLower(name)
		if d := distance(text, lower); d < least {
			best, least = name, d
		}
		if len(text) > 1 && strings.HasPrefix(lower, text) {
			begun = append(begun, name)
		}
	}
	if best == "" && len(begun) == 1 {
		return begun[0]
	}
	return best
}

// DidYouMean is a hint for the end of a message about a name that is unknown: empty where no
// name is near.
func DidYouMean(text string, names []string) string {
	if name := Nearest(text, names); name != "" {
		return "; did you mean " + name + "?"
	}
	return ""
}

// distance is the number of bytes to insert, remove, replace or swap with their neighbour that
// makes b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
