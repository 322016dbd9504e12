// Package docs checks the documents against the code. Each code block is either a copy of a file or
// of a marked region of one, which the tests compare, or shell commands, which the tests run.
// Links, names and error codes in the text must exist.
package docs

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's directory.
const root = "../.."

// block is a fenced block of a document.
type block struct {
	doc  string // relative to root
	line int    // of its first line of text, from 1
	lang string // the first word after the fence
	arg  string // what follows it
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.doc, b.line) }

// documents are the files whose blocks are checked.
func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) < 10 {
		t.Fatalf("%d documents in docs, %v", len(docs), err)
	}
	for i, path := range docs {
		docs[i], _ = filepath.Rel(root, path)
	}
	return append([]string{"README.md"}, docs...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of a document in order.
func blocks(t *testing.T, doc string) (all []block) {
	t.Helper()
	var open *block
	scanner := bufio.NewScanner(strings.NewReader(read(t, doc)))
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		switch {
		case !strings.HasPrefix(line, "```") && open != nil:
			open.text += line + "\n"
		case !strings.HasPrefix(line, "```"):
		case open != nil:
			all = append(all, *open)
			open = nil
		default:
			lang, arg, _ := strings.Cut(strings.TrimPrefix(line, "```"), " ")
			open = &block{doc: doc, line: n + 1, lang: lang, arg: arg}
		}
	}
	if open != nil {
		t.Errorf("%v: the block has no end", open)
	}
	return all
}

// marker is the line that begins or ends a region of a source.
var marker = regexp.MustCompile(`^\s*(?://|#) docs: (\w+)\s*$`)

// source returns the text that a block must equal: FILE, or the region of FILE that begins after a
// line "// docs: REGION" and ends before the next such line, without the indentation that all its
// lines share.
func source(ref string) (string, error) {
	path, region, some := strings.Cut(ref, "#")
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil || !some {
		return string(data), err
	}
	lines := strings.SplitAfter(string(data), "\n")
	first := slices.IndexFunc(lines, func(line string) bool {
		m := marker.FindStringSubmatch(line)
		return m != nil && m[1] == region
	})
	if first < 0 {
		return "", fmt.Errorf("%s has no line \"// docs: %s\"", path, region)
	}
	lines = lines[first+1:]
	last := slices.IndexFunc(lines, marker.MatchString)
	if last < 0 {
		return "", fmt.Errorf("the region %s of %s has no end", region, path)
	}
	return dedent(lines[:last]), nil
}

func dedent(lines []string) string {
	indent := -1
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			n := len(line) - len(strings.TrimLeft(line, " \t"))
			if indent < 0 || n < indent {
				indent = n
			}
		}
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line[min(max(indent, 0), len(line)-1):])
	}
	return strings.Trim(b.String(), "\n") + "\n"
}
