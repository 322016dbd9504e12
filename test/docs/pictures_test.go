package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The pictures show what the programs print now.
func TestPicturesAreUpToDate(t *testing.T) {
	needBuild(t)
	dir := t.TempDir()
	draw := exec.Command("scripts/pictures.sh", dir)
	draw.Dir = root
	if output, err := draw.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	drawn, err := os.ReadFile(filepath.Join(dir, "dbn-tail.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if string(drawn) != read(t, "docs/dbn-tail.svg") {
		t.Error("docs/dbn-tail.svg is not what the programs print: run make pictures")
	}
}
