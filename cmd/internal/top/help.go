package top

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// keys are what the help says of each key, but those that sort by a column.
var keys = [][2]string{
	{"q", "quit"},
	{"p, space", "freeze the screen; the feed continues"},
	{"/", "show symbols with a text, or like ES*"},
	{"esc", "show all symbols"},
	{"← →", "sort by the next column"},
	{"r", "reverse the order"},
	{"↑ ↓", "scroll, as pgup, pgdn, home and end do"},
	{"e", "events of the session"},
	{"ctrl+z", "suspend"},
}

// helpLines are the help, in lines of at most so many characters.
func helpLines(width int) []string {
	var lines []string
	for _, key := range keys {
		lines = append(lines, strings.Repeat(" ", max(0, 9-ansi.StringWidth(key[0])))+key[0]+"  "+key[1])
	}
	var sorts, letters []string
	for _, c := range columns {
		sorts = append(sorts, c.key+" "+c.name)
	}
	for _, m := range marks[1:] {
		letters = append(letters, string(m.letter)+" "+m.text)
	}
	lines = append(lines, paragraph("sort: ", sorts, width)...)
	return append(lines, paragraph("status: ", letters, width)...)
}

// paragraph writes words after a title, in as many lines as it needs.
func paragraph(title string, words []string, width int) (lines []string) {
	line := title
	for i, word := range words {
		if i < len(words)-1 {
			word += ", "
		}
		if ansi.StringWidth(line)+ansi.StringWidth(strings.TrimRight(word, " ")) > width && line != title {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len(title))
		}
		line += word
	}
	return append(lines, line)
}
