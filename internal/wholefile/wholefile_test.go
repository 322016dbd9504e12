package wholefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReplacedAndLeavesNoOther(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "port")
	for _, text := range []string{"1\n", "22222\n", ""} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	onlyPort(t, dir)
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "missing", "port"), nil); err == nil {
		t.Error("no error for a directory that does not exist")
	}
	if err := os.Mkdir(filepath.Join(dir, "port"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "port"), []byte("1")); err == nil {
		t.Error("no error where a directory has the name")
	}
	onlyPort(t, dir)
}

// onlyPort fails when a temporary file is left.
func onlyPort(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "port" {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
}
