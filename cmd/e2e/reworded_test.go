package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No program decides anything by the words of an error: all scripts run once more with a
// dbn-tail in which every letter of the library's errors is an x. Exit codes, standard output,
// files and the number of messages must stay. Only what the scripts expect of the text of a
// message is left out. Races are found with the words as they are.
func TestNothingDependsOnTheWordsOfAnError(t *testing.T) {
	reworded := filepath.Join(t.TempDir(), "bin")
	if err := build(reworded, "./cmd/dbn-tail", asShipped, "-tags", "dbnloop_reworded"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), withoutTexts(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// And the words did change.
	unmistakable := `
exits 4 dbn-tail -d GLBX.MDP3 --gateway 127.0.0.1:1 -s trades -q -k db-short ESZ6
stderr -count=1 '^dbn-tail: [^a-wyzA-Z]*xxx[^a-wyzA-Z]* \(key from -k\)$'
`
	if err := os.WriteFile(filepath.Join(dir, "reworded.txtar"), []byte(unmistakable), 0o600); err != nil {
		t.Fatal(err)
	}
	runScripts(t, dir, reworded)
}

// withoutTexts is a script without the lines that expect a text on standard error. Those that
// count its lines, and those that say what it must not hold, stay.
func withoutTexts(script []byte) []byte {
	var kept strings.Builder
	for line := range strings.Lines(string(script)) {
		command := strings.TrimSpace(line)
		if strings.HasPrefix(command, "stderr ") && !strings.HasSuffix(command, " .+") {
			continue
		}
		kept.WriteString(line)
	}
	return []byte(kept.String())
}
