package tail

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Packages import in one direction only: each may use those of the lines above it.
var layers = [][]string{
	{"cli", "exit", "columnar"},
	{"term", "profile"},
	{"output", "filter"},
	{"stream", "survey"},
	{"manifest", "split"},
	{"live", "files", "hist", "capture", "info", "verify"},
	{"top"},
	{"tail"},
	{"relay"},
}

func TestThePackagesOfTheProgramsImportInOneDirection(t *testing.T) {
	const prefix = "github.com/dbnloop/dbnloop/cmd/internal/"
	var below []string
	for _, layer := range layers {
		for _, name := range layer {
			sources, err := filepath.Glob(filepath.Join("..", name, "*.go"))
			if err != nil || len(sources) == 0 {
				t.Fatalf("package %s: %d files, %v", name, len(sources), err)
			}
			for _, source := range sources {
				if strings.HasSuffix(source, "_test.go") {
					continue
				}
				file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ImportsOnly)
				if err != nil {
					t.Fatal(err)
				}
				for _, spec := range file.Imports {
					path, err := strconv.Unquote(spec.Path.Value)
					if err != nil {
						t.Fatal(err)
					}
					if used, ours := strings.CutPrefix(path, prefix); ours && !slices.Contains(below, used) {
						t.Errorf("%s imports %s, which is not below %s", source, used, name)
					}
				}
			}
		}
		below = append(below, layer...)
	}
	directories, err := filepath.Glob(filepath.Join("..", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range directories {
		if name := filepath.Base(directory); name != "samples" && !slices.Contains(below, name) {
			t.Errorf("package %s has no layer here", name)
		}
	}
}
