package tail

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/dbn"
)

// capturedBy runs a capture into a directory, and gives its manifest.
func capturedBy(t *testing.T, dir, args string) *manifest.List {
	t.Helper()
	if code, stderr := runTail(t, args); code != exit.OK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	list, err := manifest.Read(filepath.Join(dir, manifest.Name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestACaptureOfManyFilesHasAManifestThatVerifies(t *testing.T) {
	for _, name := range []string{"es-{date}-{time}.dbn", "day-{date}/{part}.dbn.zst"} {
		dir := t.TempDir()
		list := capturedBy(t, dir, rotatingGateway(t, "reset=331,on=1-2")+"-l 1000 --rotate 4KiB -O "+filepath.Join(dir, name))
		var files, records uint64
		for _, e := range list.Entries {
			if e.Capture != name {
				t.Errorf("%+v", e)
			}
			switch e.Kind {
			case manifest.KindFile:
				files++
				records += e.Records
				if len(e.Symbols) != 1 || e.Symbols["ESZ6"] != e.Records || e.Schemas["mbo"] != e.Records || e.Dataset != "GLBX.MDP3" {
					t.Errorf("%+v", e)
				}
			case manifest.KindGap:
				t.Errorf("%+v", e)
			}
		}
		begin := list.Entries[0]
		if begin.Kind != manifest.KindBegin || begin.Resumed || len(begin.Subscriptions) != 1 || begin.Subscriptions[0].Symbols[0] != "ESZ6" {
			t.Errorf("%+v", begin)
		}
		if files < 2 || records != 1000 {
			t.Errorf("%s: %d files, %d records", name, files, records)
		}
		got := runProgram(t, "verify", dir).want(t, exit.OK)
		if !strings.Contains(got.stdout, " files, 1,000 records") || !strings.HasSuffix(got.stdout, ": complete\n") {
			t.Error(got.stdout)
		}
	}
}

func TestWhatHappensToACaptureIsNotedAtOnce(t *testing.T) {
	dir := t.TempDir()
	log, err := manifest.Open(dir, "{part}.dbn", "GLBX.MDP3")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var o split.Options
	(&captureLog{log}).hook(&o)
	if err := errors.Join(
		o.Happened(split.Event{Filled: true, Schema: dbn.SchemaMbo, From: 1, To: 2, Replayed: 5, Duplicate: 3}),
		o.Happened(split.Event{Schema: dbn.SchemaNone, From: 3, Reason: "they are not to be recovered"}),
	); err != nil {
		t.Fatal(err)
	}
	got := runProgram(t, "verify", "--all", dir).want(t, exit.Partial)
	for _, text := range []string{
		"ok: {part}.dbn: a break of mbo was filled from 1970-01-01T00:00:00.000000001Z to 1970-01-01T00:00:00.000000002Z: 5 records replayed, 3 of them had come before\n",
		"gap: {part}.dbn: records of all schemas may be missing from 1970-01-01T00:00:00.000000003Z, because they are not to be recovered\n",
	} {
		if !strings.Contains(got.stdout, text) {
			t.Errorf("%q is not in\n%s", text, got.stdout)
		}
	}
}

// A writer that is killed at any line of its manifest, or after it completed a file and before it
// noted that: the next one notes what is missing.
func TestTheManifestOfAKilledCaptureIsCompletedByTheNextOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, manifest.Name)
	args := rotatingGateway(t, "") + "--rotate 2KiB --resume " + filepath.Join(dir, "es-{part}.dbn.zst")
	capturedBy(t, dir, args+" -l 1000")
	text := readFile(t, path)
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) < 5 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, n := range []int{1, 3, len(lines) - 2} {
		killed := bytes.Join(lines[:n], nil)
		if err := os.WriteFile(path, append(killed, `{"kind":"file","pa`...), 0o600); err != nil {
			t.Fatal(err)
		}
		list := capturedBy(t, dir, args+" -l 1")
		recreated := 0
		for _, e := range list.Entries {
			if e.Recreated {
				recreated++
			}
		}
		if recreated == 0 || list.Cut {
			t.Errorf("after line %d: %d entries are recreated, cut: %t", n, recreated, list.Cut)
		}
		if got := runProgram(t, "verify", dir).want(t, exit.OK); !strings.HasSuffix(got.stdout, ": complete\n") {
			t.Errorf("after line %d: %s", n, got.stdout)
		}
	}
}
