// Package interop compares dbn-tail with the official dbn program, byte for byte. The
// script dbn_cli.sh installs that program and runs these tests; without it they skip.
package interop

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

// comparison is one command line for both programs.
type comparison struct {
	official, ours []string
}

// comparisons are what is compared for a file with metadata: every mix of flags for the
// whole file and for its first record, fewer with a filter by schema.
func comparisons(schema dbn.Schema) []comparison {
	both := func(flags ...string) comparison { return comparison{flags, flags} }
	var all []comparison
	for _, form := range []string{"-C", "-T", "-J"} {
		for _, pretty := range []string{"", "-p"} {
			for _, symbols := range []string{"", "-s"} {
				for _, upgrade := range []string{"", "-u"} {
					all = append(all, comparisonOf(comparison{}, form, pretty, symbols, upgrade),
						comparisonOf(both("-l", "1"), form, pretty, symbols, upgrade))
				}
			}
		}
		for _, name := range []string{schema.String(), "trades", "ohlcv-1s"} {
			if _, err := dbn.ParseSchema(name); err != nil {
				continue // a mix has no name
			}
			all = append(all, comparisonOf(both("--schema", name), form),
				comparisonOf(both("--schema", name, "-l", "2"), form, "-p", "-s", "-u"))
		}
	}
	for _, form := range []string{"-C", "-T"} {
		all = append(all, comparisonOf(both("--omit-header"), form))
	}
	for _, narrowed := range []comparison{both(), both("-l", "1"), both("--schema", "mbo")} {
		all = append(all, comparisonOf(narrowed, "-J", "-m"), comparisonOf(narrowed, "-J", "-m", "-p"),
			comparisonOf(narrowed, "-J", "-m", "-u"))
	}
	return all
}

// comparisonOf adds flags in the words of both programs.
func comparisonOf(c comparison, flags ...string) comparison {
	c = comparison{append([]string{}, c.official...), append([]string{}, c.ours...)}
	mapped := false
	for _, flag := range flags {
		switch flag {
		case "":
			continue
		case "-s":
			mapped = true
		case "-u":
			c.ours = append(c.ours, "--upgrade", "v3")
		case "-J":
			c.ours = append(c.ours, "-J", "--exact")
			if len(c.official) == 0 || c.official[0] != "--schema" {
				c.ours = append(c.ours, "--system") // the official tool shows every record
			}
		default:
			c.ours = append(c.ours, flag)
		}
		c.official = append(c.official, flag)
	}
	if !mapped {
		c.ours = append(c.ours, "--no-map-symbols")
	}
	return c
}

// programs finds both programs, or skips.
func programs(t *testing.T) (official, ours string) {
	t.Helper()
	official, ours = os.Getenv("DBN_CLI"), os.Getenv("DBN_TAIL")
	if official == "" || ours == "" {
		t.Skip("run test/interop/dbn_cli.sh; it sets DBN_CLI and DBN_TAIL to the programs")
	}
	return official, ours
}

func output(program string, args []string) (stdout []byte, stderr string, failed bool) {
	cmd := exec.Command(program, args...)
	var message bytes.Buffer
	cmd.Stderr = &message
	stdout, err := cmd.Output()
	return stdout, message.String(), err != nil
}

// mixedCSV reports whether a mix of schemas would become CSV. dbn-tail refuses that before
// it begins; the official tool goes on until the schema changes.
func (c comparison) mixedCSV() bool {
	return !slices.Contains(c.ours, "--schema") && (slices.Contains(c.ours, "-C") || slices.Contains(c.ours, "-T"))
}

// keepsMappings reports whether dbn-tail differs from the official tool on purpose. In a file
// of several schemas, which a live session leaves, the symbol mappings are records. A limit of
// dbn-tail does not count them, and DBN that is narrowed to a schema keeps those that it
// needs, with metadata that names no schema. With the official tool they count and get lost.
func (c comparison) keepsMappings() bool {
	narrowed := slices.Contains(c.ours, "-D") && slices.Contains(c.ours, "--schema")
	limited := slices.Contains(c.ours, "-l") && !slices.Contains(c.ours, "--schema")
	return (narrowed || limited) && !slices.Contains(c.ours, "-m")
}

// allMixed reports whether the inputs have no schema in common.
func allMixed(t *testing.T, inputs []string) bool {
	t.Helper()
	var all []*dbn.Metadata
	for _, path := range inputs {
		if strings.Contains(path, ".frag") {
			return false
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		decoder, err := dbn.NewDecoder(file)
		if err != nil {
			t.Fatal(err)
		}
		defer decoder.Close()
		all = append(all, decoder.Metadata())
	}
	merged, err := dbn.MergeMetadata(all...)
	return err == nil && merged.Schema == dbn.SchemaNone
}

// counts are what was compared; named are the differences that have a name and a reason.
type counts struct{ equal, refused, named, differ int }

func (n *counts) compare(t *testing.T, c comparison, inputs ...string) {
	t.Helper()
	official, ours := programs(t)
	if (c.mixedCSV() || c.keepsMappings()) && allMixed(t, inputs) {
		n.named++
		return
	}
	want, wantErr, wantFailed := output(official, append(c.official, inputs...))
	got, gotErr, gotFailed := output(ours, append(c.ours, inputs...))
	name := fmt.Sprintf("dbn %s | dbn-tail %s", strings.Join(c.official, " "), strings.Join(c.ours, " "))
	switch {
	case wantFailed != gotFailed:
		n.differ++
		t.Errorf("%s: one fails and the other does not:\n%s\n%s", name, wantErr, gotErr)
	case wantFailed:
		n.refused++
	case !bytes.Equal(want, got):
		n.differ++
		t.Errorf("%s: differ\n%s", name, firstDifference(want, got))
	default:
		n.equal++
	}
}

func firstDifference(want, got []byte) string {
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	around := func(b []byte) string { return fmt.Sprintf("%q", b[max(0, i-60):min(len(b), i+60)]) }
	return fmt.Sprintf("at byte %d of %d and %d:\nofficial %s\nours     %s", i, len(want), len(got), around(want), around(got))
}

// files are the real files of every schema and version, the sample data, and what this
// package makes itself.
func files(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("DBN_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "testdata", "dbn")
	}
	real, _ := filepath.Glob(filepath.Join(dir, "*"))
	sample, _ := filepath.Glob(filepath.Join("..", "..", "sim", "sample", "data", "*.dbn.zst"))
	t.Logf("%d real files, %d of the sample data", len(real), len(sample))
	return append(append(real, sample...), oddFiles(t)...)
}

func TestTextIsThatOfTheOfficialTool(t *testing.T) {
	programs(t)
	var n counts
	for _, path := range files(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, ".frag") {
				compareFragment(t, &n, path)
				return
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			decoder, err := dbn.NewDecoder(file)
			if err != nil {
				t.Fatal(err)
			}
			defer decoder.Close()
			for _, c := range comparisons(decoder.Metadata().Schema) {
				n.compare(t, c, path)
			}
		})
	}
	fmt.Printf("dbn-tail and dbn: %d outputs compared equal, %d refused by both, %d differ, %d named exceptions\n", n.equal, n.refused, n.differ, n.named)
	if n.equal < 1000 {
		t.Errorf("only %d outputs were compared", n.equal)
	}
}

func compareFragment(t *testing.T, n *counts, path string) {
	kind, version := "--input-fragment", "2" // that of the file without a version in its name
	if strings.HasSuffix(path, ".zst") {
		kind = "--input-zstd-fragment"
	}
	for _, v := range []string{"1", "3"} {
		if strings.Contains(path, ".v"+v+".") {
			version = v
		}
	}
	input := []string{kind, "--input-dbn-version", version, "-F"}
	n.compare(t, comparison{input, []string{"--input-fragment", "--input-dbn-version", version, "-D", "--fragment"}}, path)
	for _, form := range []string{"-C", "-T", "-J"} {
		for _, pretty := range []string{"", "-p"} {
			for _, upgrade := range []string{"", "-u"} {
				c := comparisonOf(comparison{}, form, pretty, upgrade)
				c.official = append(c.official, kind, "--input-dbn-version", version)
				c.ours = append(c.ours, "--input-fragment", "--input-dbn-version", version)
				n.compare(t, c, path)
				for _, schema := range []string{"definition", "statistics"} {
					narrowed := comparison{append(slices.Clone(c.official), "--schema", schema), append(slices.Clone(c.ours), "--schema", schema)}
					n.compare(t, narrowed, path)
				}
			}
		}
	}
}

func TestMergedTextIsThatOfTheOfficialTool(t *testing.T) {
	programs(t)
	var n counts
	pairs := map[string][]string{}
	for _, path := range files(t) {
		if strings.HasSuffix(path, ".v3.dbn.zst") || strings.Contains(path, "sample") {
			dir := filepath.Dir(path)
			pairs[dir] = append(pairs[dir], path)
		}
	}
	for _, paths := range pairs {
		for i, a := range paths {
			b := paths[(i+1)%len(paths)]
			for _, flags := range [][]string{{"-J"}, {"-J", "-p", "-s"}, {"-C", "-s"}} {
				n.compare(t, comparisonOf(comparison{}, flags...), a, b)
				n.compare(t, comparisonOf(comparison{}, flags...), a, a)
			}
			n.compare(t, comparisonOf(comparison{[]string{"--schema", "mbo"}, []string{"--schema", "mbo"}}, "-C"), a, b)
		}
	}
	fmt.Printf("dbn-tail and dbn, merged: %d outputs compared equal, %d refused by both, %d differ, %d named exceptions\n", n.equal, n.refused, n.differ, n.named)
}

func TestDBNIsThatOfTheOfficialTool(t *testing.T) {
	programs(t)
	var n counts
	fragment := comparison{[]string{"-F"}, []string{"-D", "--fragment"}}
	for _, path := range files(t) {
		if !strings.Contains(path, ".frag") {
			for _, flags := range [][]string{nil, {"-u"}, {"-l", "1"}} {
				n.compare(t, comparisonOf(fragment, flags...), path)
			}
		}
		if strings.Contains(path, ".frag") || strings.Contains(path, ".v1.") {
			continue // record_count of version 1 is kept by dbn-tail, and dropped by the official tool
		}
		for _, flags := range [][]string{{"-D"}, {"-D", "-u"}, {"-D", "-l", "1"}} {
			n.compare(t, comparisonOf(comparison{}, flags...), path)
		}
		n.compare(t, comparisonOf(comparison{[]string{"--schema", "trades"}, []string{"--schema", "trades"}}, "-D"), path)
	}
	fmt.Printf("dbn-tail and dbn, as DBN: %d outputs compared equal, %d refused by both, %d differ, %d named exceptions\n", n.equal, n.refused, n.differ, n.named)
}

// splitComparisons are the ways to split a file, in the words of both programs.
func splitComparisons() (all []comparison) {
	words := map[string]string{"symbol": "symbol", "schema": "schema", "day": "date", "week": "date", "month": "date", "year": "date"}
	for by, word := range words {
		names := []string{"x.dbn", "x.csv"}
		if by == "symbol" || by == "day" {
			names = []string{"x.dbn", "x.dbn.zst", "x.csv", "x.tsv.zst", "x.json"}
		}
		for _, name := range names {
			both := []string{"-S", by, "-O", "{" + word + "}-" + name}
			c := comparison{slices.Clone(both), append(slices.Clone(both), "--no-map-symbols")}
			if name == "x.json" {
				c.ours = append(c.ours, "--exact")
			}
			all = append(all, c)
		}
	}
	return all
}

// outputsIn runs a program in a directory of its own and reads what it wrote there, decompressed.
func outputsIn(t *testing.T, program string, args []string) (files map[string]string, stderr string, failed bool) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = t.TempDir()
	var message bytes.Buffer
	cmd.Stderr = &message
	failed = cmd.Run() != nil
	entries, err := os.ReadDir(cmd.Dir)
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string]string)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(cmd.Dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(entry.Name(), ".zst") {
			decoder, err := zstd.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			data, err = io.ReadAll(decoder)
			decoder.Close()
			if err != nil {
				t.Fatalf("%s of %s: %v", entry.Name(), program, err)
			}
		}
		files[entry.Name()] = string(data)
	}
	return files, message.String(), failed
}

// Each file of a split is that of the official tool. Where a file of a live session is split, in
// which the symbol mappings are records, dbn-tail keeps what the official tool refuses or drops.
func TestSplitFilesAreThoseOfTheOfficialTool(t *testing.T) {
	official, ours := programs(t)
	help, _, _ := output(official, []string{"--help"})
	if !bytes.Contains(help, []byte("--split-by")) {
		t.Skip("this version cannot split")
	}
	// Older versions do not split by year.
	byYear := regexp.MustCompile(`possible values: symbol[^]]*\byear\b`).Match(help)
	var n counts
	for _, path := range files(t) {
		if strings.Contains(path, ".frag") || strings.HasPrefix(filepath.Base(path), "odd.") || allMixed(t, []string{path}) {
			continue // what is odd about a record is compared in each form above
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			for _, c := range splitComparisons() {
				if c.official[1] == "year" && !byYear {
					continue
				}
				want, wantErr, wantFailed := outputsIn(t, official, append(c.official, absolute))
				got, gotErr, gotFailed := outputsIn(t, ours, append(c.ours, absolute))
				name := fmt.Sprintf("dbn %s | dbn-tail %s", strings.Join(c.official, " "), strings.Join(c.ours, " "))
				switch {
				case wantFailed != gotFailed:
					n.differ++
					t.Errorf("%s: one fails and the other does not:\n%s\n%s", name, wantErr, gotErr)
				case wantFailed:
					n.refused++
				case !maps.Equal(want, got):
					n.differ++
					t.Errorf("%s: differ: %d and %d files", name, len(want), len(got))
					for file, data := range want {
						if got[file] != data {
							t.Errorf("%s differ\n%s", file, firstDifference([]byte(data), []byte(got[file])))
							break
						}
					}
				default:
					n.equal++
				}
			}
		})
	}
	fmt.Printf("dbn-tail and dbn, split: %d outputs compared equal, %d refused by both, %d differ, %d named exceptions\n", n.equal, n.refused, n.differ, n.named)
	if n.equal < 300 {
		t.Errorf("only %d splits were compared", n.equal)
	}
}
