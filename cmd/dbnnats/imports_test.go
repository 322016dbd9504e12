package dbnnats

import (
	"os/exec"
	"strings"
	"testing"
)

// A program that reads a log does not contain a server, or anything of the relay's own operation.
func TestNoServerIsImported(t *testing.T) {
	list, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := string(list)
	if !strings.Contains(all, "github.com/nats-io/nats.go") {
		t.Fatalf("the list lacks what is imported:\n%s", all)
	}
	for _, path := range []string{"nats-io/nats-server", "prometheus/", "cmd/internal/relay/embed", "cmd/internal/relay/serve"} {
		if strings.Contains(all, path) {
			t.Errorf("%s is imported", path)
		}
	}
}
