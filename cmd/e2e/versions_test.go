package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// realFile is the name of a DBN file of one schema with its metadata.
var realFile = regexp.MustCompile(`^test_data\.([a-z0-9-]+)\.v[123]\.dbn(\.zst)?$`)

// TestEveryRecordOfRealFilesIsPrinted serves real files of versions 1 to 3 and compares
// what dbn-tail prints, byte by byte, with what package dbn makes of the file itself.
func TestEveryRecordOfRealFilesIsPrinted(t *testing.T) {
	dir := testdata()
	if dir == "" {
		t.Skip("real DBN files are not here: set DBN_TESTDATA to their folder")
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var records atomic.Int64
	t.Cleanup(func() {
		if records.Load() < 100 {
			t.Errorf("only %d records in all files of %s", records.Load(), dir)
		}
	})
	for _, entry := range names {
		parts := realFile.FindStringSubmatch(entry.Name())
		if parts == nil {
			continue
		}
		schema, err := dbn.ParseSchema(parts[1])
		if err != nil {
			continue // a schema of the past
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, entry.Name())
			gateway := simulator(t, "--close-at-end", path)
			for policy, name := range map[dbn.UpgradePolicy]string{dbn.AsIs: "as-is", dbn.UpgradeToV3: "v3"} {
				metadata, want := expected(t, path, policy)
				n := bytes.Count(want, []byte("\n"))
				if n == 0 {
					continue // a session without a record is ended by the gateway, which is an error
				}
				got := output(t, "-d", metadata.Dataset, "-l", fmt.Sprint(n), "-s", schema.String(), "--gateway", gateway, "-J",
					"--no-map-symbols", "--all-symbols", "-y", "--upgrade", name)
				if !bytes.Equal(got, want) {
					t.Errorf("--upgrade %s: got\n%s\nwant\n%s", name, got, want)
				}
				records.Add(int64(bytes.Count(want, []byte("\n"))))
			}
		})
	}
}

// expected is the JSON of all records of a file.
func expected(t *testing.T, path string, policy dbn.UpgradePolicy) (*dbn.Metadata, []byte) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file, dbn.WithUpgrade(policy))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var text []byte
	options := dbn.TextOptions{TsOut: decoder.TsOut()}
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return decoder.Metadata(), text
		}
		if err != nil {
			t.Fatal(err)
		}
		text = append(dbn.AppendJSON(text, r, dbn.ColumnsOf(r), "", false, &options), '\n')
	}
}

// output runs dbn-tail to its end and gives its standard output.
func output(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs, "dbn-tail"), args...)
	cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("dbn-tail %q: %v: %s", args, err, stderr.Bytes())
	}
	return out
}
