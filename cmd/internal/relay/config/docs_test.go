package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

const top = "../../../.."

func TestTheExamplesAreValid(t *testing.T) {
	paths, err := filepath.Glob(top + "/examples/relay/*.toml")
	if err != nil || len(paths) < 2 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		c, err := Load(path)
		if err == nil {
			err = c.Check()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// keys are the names of everything that a file can say.
func keys(of reflect.Type, prefix string, add func(string)) {
	for field := range of.Fields() {
		name := prefix + field.Tag.Get("toml")
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct {
			add(name)
			continue
		}
		if field.Type.Kind() == reflect.Slice && prefix != "" {
			add(name)
		}
		keys(inner, name+".", add)
	}
}

// The table of the page has a row for each key, and no others.
func TestEveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile(top + "/docs/relay.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:upstream|log|serve|admin|dataset)\\.[a-z_.]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = true
	}
	keys(reflect.TypeFor[Config](), "", func(key string) {
		if !rows[key] {
			t.Errorf("docs/relay.md has no row for %s", key)
		}
		delete(rows, key)
	})
	for key := range rows {
		t.Errorf("docs/relay.md has a row for %s, which does not exist", key)
	}
}
