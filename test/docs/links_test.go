package docs

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the fragments of a document's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

func TestLinksResolve(t *testing.T) {
	command := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	command.Dir = root
	list, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, doc := range strings.Fields(string(list)) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(fenced.ReplaceAllString(read(t, doc), ""), ""), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue // not within the repository
			}
			checked++
			file := doc
			if target != "" {
				file = path.Join(path.Dir(doc), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil || strings.HasPrefix(file, "..") {
				t.Errorf("%s: the link %s leads nowhere", doc, m[1])
			} else if fragment != "" && !anchors(read(t, file))[fragment] {
				t.Errorf("%s: %s has no heading for #%s", doc, file, fragment)
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d links were checked", checked)
	}
}

// Every page can be reached from the index.
func TestTheIndexListsEveryPage(t *testing.T) {
	index := read(t, "docs/README.md")
	for _, doc := range documents(t) {
		if name := path.Base(doc); name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}
