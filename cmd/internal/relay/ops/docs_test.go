package ops

import (
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The page names each metric, and no others.
func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/relay.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`dbn_relay_\w+`).FindAllString(string(page), -1) {
		named[name] = true
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		collector{}.Describe(descs)
		close(descs)
	}()
	names := regexp.MustCompile(`fqName: "(\w+)"`)
	for desc := range descs {
		m := names.FindStringSubmatch(desc.String())
		if m == nil {
			t.Fatalf("%s has no name", desc)
		}
		if !named[m[1]] {
			t.Errorf("docs/relay.md does not name %s", m[1])
		}
		delete(named, m[1])
	}
	for name := range named {
		t.Errorf("docs/relay.md names %s, which does not exist", name)
	}
}
