package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exported holds the exported names of Go packages: "dbnloop.Reactor", "Reactor.Run", and the
// members of any type as ".Run", because some are promoted from types that are not exported.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range []string{".", "dbn", "sim", "sim/historical", "gateway"} {
		paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			p, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			name := p.Name.Name
			ast.FileExports(p)
			ast.Inspect(p, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Recv == nil {
						names[name+"."+n.Name.Name] = true
					} else {
						names["."+n.Name.Name] = true
					}
				case *ast.TypeSpec:
					names[name+"."+n.Name.Name], names[n.Name.Name] = true, true
				case *ast.ValueSpec:
					for _, id := range n.Names {
						names[name+"."+id.Name] = true
					}
				case *ast.Field:
					for _, id := range n.Names {
						names["."+id.Name] = true
					}
				}
				return true
			})
		}
	}
	// FileExports drops the methods of types that are not exported.
	for _, m := range regexp.MustCompile(`(?m)^func \(\w+ \*?[a-z]\w*\) ([A-Z]\w*)\(`).FindAllStringSubmatch(sources(t, "*.go"), -1) {
		names["."+m[1]] = true
	}
	return names
}

// sources are the texts of the files that match any pattern.
func sources(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s matches nothing, %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range regexp.MustCompile(`\w+`).FindAllString(text, -1) {
		all[word] = true
	}
	return all
}

var (
	code   = regexp.MustCompile("`[^`\n]+`")
	goName = regexp.MustCompile(`\b(dbnloop|dbn|sim|historical|[A-Z]\w*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	cxName = regexp.MustCompile(`\b(?:dbnloop::)?([A-Z]\w*)::(~?\w+)|\bdbnloop::(\w+)`)
	cName  = regexp.MustCompile(`\b(?:dbnloop|DBNLOOP)_\w+`)
	flags  = regexp.MustCompile(`(?:^|[\s` + "`" + `])--([a-z][a-z-]+)`)
	dotted = regexp.MustCompile(`^(dbn\.)?(GLBX|XNAS|DBEQ|OPRA|ES|NQ|NYSE|IFEU|EQUS)\.`)
)

// TestNamesInTheTextExist checks the code in the text against the headers and packages.
func TestNamesInTheTextExist(t *testing.T) {
	goNames := exported(t)
	cxx := words(sources(t, "cpp/include/dbnloop/*.hpp", "cpp/include/dbnloop/detail/*.hpp"))
	c := words(sources(t, "capi/*.h"))
	programs := sources(t, "cmd/dbn-sim/*.go", "cmd/dbn-relay/*.go", "cmd/internal/*/*.go")
	checked := map[string]int{}
	for _, doc := range documents(t) {
		text := fenced.ReplaceAllString(read(t, doc), "")
		if strings.HasSuffix(doc, "coming-from.md") { // the first column is another library's
			text = regexp.MustCompile(`(?m)^\|[^|]*\|`).ReplaceAllString(text, "|")
		}
		for _, span := range code.FindAllString(text, -1) {
			for _, m := range goName.FindAllStringSubmatch(span, -1) {
				if dotted.MatchString(m[0]) {
					continue // a dataset or a symbol
				}
				checked["Go"]++
				found := goNames[m[1]+"."+m[2]] || goNames[m[1]] && goNames["."+m[2]]
				if !found || m[3] != "" && !goNames["."+m[3]] {
					t.Errorf("%s: Go has no %s", doc, m[0])
				}
			}
			for _, m := range cxName.FindAllStringSubmatch(span, -1) {
				checked["C++"]++
				for _, part := range m[1:] {
					if part != "" && !cxx[part] && !buildNames[part] {
						t.Errorf("%s: C++ has no %s", doc, m[0])
					}
				}
			}
			for _, name := range cName.FindAllString(span, -1) {
				checked["C"]++
				variable := strings.Contains(programs, `"`+name+`"`) // of a program's environment
				if !c[name] && !strings.HasSuffix(name, "_") && !buildNames[name] && !variable {
					t.Errorf("%s: C has no %s", doc, name)
				}
			}
			for _, m := range flags.FindAllStringSubmatch(span, -1) {
				checked["flags"]++
				if !strings.Contains(programs, `"`+m[1]+`"`) && !foreignFlags[m[1]] {
					t.Errorf("%s: no program has the flag --%s", doc, m[1])
				}
			}
		}
	}
	for kind, least := range map[string]int{"Go": 50, "C++": 30, "C": 10, "flags": 10} {
		if checked[kind] < least {
			t.Errorf("%d names of %s were checked, want %d at least", checked[kind], kind, least)
		}
	}
}

var (
	// buildNames are options and tags of the build, which no header holds.
	buildNames = map[string]bool{"DBNLOOP_DATABENTO_CPP": true, "dbnloop_pkgconfig": true, "dbnloop_static": true, "dbnloop_poison": true, "dbnloop_llhttp": true, "dbnloop_shared": true}
	// foreignFlags belong to other programs.
	foreignFlags = map[string]bool{"static": true, "cflags": true, "libs": true}
)
