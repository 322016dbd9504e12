package docs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "copy the sources into the blocks of the documents")

// A block that is neither a copy nor run would go stale.
func TestEveryBlockIsACopyOrIsRun(t *testing.T) {
	copies := 0
	for _, doc := range documents(t) {
		if *update {
			updateCopies(t, doc)
		}
		all := blocks(t, doc)
		for i, b := range all {
			switch {
			case b.lang == "sh" && (b.arg == "" || b.arg == "server"):
			case b.lang == "text" && b.arg == "":
				if i == 0 || all[i-1].lang != "sh" || all[i-1].arg != "" {
					t.Errorf("%v: a text block must follow the shell block whose output it shows", b)
				}
			case b.arg == "":
				t.Errorf("%v: the block names no file that it is a copy of", b)
			default:
				want, err := source(b.arg)
				if err != nil {
					t.Errorf("%v: %v", b, err)
				} else if b.text != want {
					t.Errorf("%v: the block is not a copy of %s: run go test ./test/docs -update", b, b.arg)
				}
				copies++
			}
		}
	}
	if copies < 20 {
		t.Errorf("%d blocks are copies of sources", copies)
	}
}

// updateCopies rewrites the blocks that name a source.
func updateCopies(t *testing.T, doc string) {
	t.Helper()
	var out strings.Builder
	skip := false
	for line := range strings.Lines(read(t, doc)) {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && skip:
			skip = false
		case skip:
			continue
		case fence:
			lang, arg, _ := strings.Cut(strings.TrimSpace(line[3:]), " ")
			if lang != "sh" && arg != "" {
				want, err := source(arg)
				if err != nil {
					t.Fatalf("%s: %v", doc, err)
				}
				line += want
				skip = true
			}
		}
		out.WriteString(line)
	}
	if err := os.WriteFile(filepath.Join(root, doc), []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Examples are read in one go.
func TestExamplesAreShort(t *testing.T) {
	sources := 0
	for _, pattern := range []string{"examples/*/*.c", "examples/*/*.cpp", "examples/go/*/*.go", "cmd/examples/*/*.go"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > 80 {
				t.Errorf("%s has %d lines; want at most 80", path, n)
			}
			sources++
		}
	}
	if sources < 21 {
		t.Errorf("%d examples; want 3 in C, 8 in C++ and 10 in Go at least", sources)
	}
}
