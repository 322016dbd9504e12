package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func someFigures(change float64) figures {
	f := figures{Tools: tools{"g++ 12", "go1.26", "valgrind-3.19", "amd64"}, PerRecord: map[string]float64{}}
	for i, p := range paths() {
		f.PerRecord[p.name] = float64(10*i+5) * change
	}
	return f
}

func TestWhatGrewByMoreThanFivePercentFails(t *testing.T) {
	for _, c := range []struct {
		change float64
		ok     bool
		says   string
	}{
		{1, true, "guard: ok\n"},
		{1.049, true, "guard: ok\n"},
		{1.051, false, "make guard-accept"},
		{1.1, false, "FAILED"},
		{0.9, true, "became faster"},
	} {
		text, ok := compare(someFigures(1), someFigures(c.change))
		if ok != c.ok || !strings.Contains(text, c.says) {
			t.Errorf("with %v times the instructions it is ok: %v, and says %q", c.change, ok, text)
		}
	}
}

func TestOnePathOfManyFails(t *testing.T) {
	now := someFigures(1)
	now.PerRecord["JSON, mbo"] *= 1.1
	text, ok := compare(someFigures(1), now)
	if ok || strings.Count(text, "SLOWER") != 1 || !strings.Contains(text, "+10.0%  SLOWER") {
		t.Errorf("ok: %v, it says %q", ok, text)
	}
}

func TestAPathWithoutAcceptedFigureFails(t *testing.T) {
	accepted := someFigures(1)
	delete(accepted.PerRecord, "parser, mixed")
	if text, ok := compare(accepted, someFigures(1)); ok {
		t.Errorf("it is ok, and says %q", text)
	}
}

func TestOtherToolsAreNotJudged(t *testing.T) {
	now := someFigures(2)
	now.Tools.Compiler = "g++ 14"
	text, ok := compare(someFigures(1), now)
	if !ok || !strings.Contains(text, "not judged") || !strings.Contains(text, "+100.0%") {
		t.Errorf("ok: %v, it says %q", ok, text)
	}
}

func TestFiguresAreReadAsTheyWereSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	want := someFigures(1)
	if err := want.save(path); err != nil {
		t.Fatal(err)
	}
	got, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := compare(want, got); !ok || got.Tools != want.Tools || strings.Contains(text, "SLOWER") {
		t.Errorf("%+v was read as %+v", want, got)
	}
}

func TestValgrindsCountIsFound(t *testing.T) {
	n, err := parse("==1== Cachegrind\n==1== \n==1== I   refs:      17,516,922\n")
	if err != nil || n != 17_516_922 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := parse("==1== killed\n"); err == nil {
		t.Error("no error for output without a count")
	}
}
