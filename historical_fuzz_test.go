package dbnloop_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop"
)

// Whatever JSON a server answers with is read as it can be written again, or refused.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		`{"id":"GLBX-1","state":"done","cost_usd":1.5,"symbols":"ESZ6,NQZ6","limit":null,"progress":100}`, `{"symbols":[1,"A",2.5]}`, `{"symbols":null}`,
		`{"result":{"ES.c.0":[{"d0":"2026-11-01","d1":"2026-12-01","s":"1"}]},"partial":[],"not_found":["X"]}`, `[{"publisher_id":1,"dataset":"GLBX.MDP3"}]`,
		`{"start":"2026-11-15T00:00:00Z","end":"","schema":{"mbo":{"start":"a","end":"b"}}}`, `["mbo"]`, `[{"mode":"historical","unit_prices":{"mbo":1e-3}}]`,
		`[{"filename":"a.dbn.zst","size":-1,"hash":"sha256:00","urls":{"https":"https://h/v0/x?y"}}]`, `18446744073709551615`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, into := range []func() any{
			func() any { return new(dbnloop.BatchJob) }, func() any { return new([]dbnloop.BatchJob) }, func() any { return new(dbnloop.SymbologyResolution) },
			func() any { return new([]dbnloop.PublisherDetail) }, func() any { return new([]dbnloop.FieldDetail) }, func() any { return new([]dbnloop.UnitPricesForMode) },
			func() any { return new([]dbnloop.DatasetConditionDetail) }, func() any { return new(dbnloop.DatasetRange) }, func() any { return new([]dbnloop.BatchFile) },
			func() any { return new(dbnloop.SymbolList) },
		} {
			value, again := into(), into()
			if dbnloop.ReadAnswer([]byte(text), value) != nil {
				continue
			}
			written, err := json.Marshal(value)
			if err != nil {
				t.Fatalf("%T of %q: %v", value, text, err)
			}
			if err := dbnloop.ReadAnswer(written, again); err != nil {
				t.Fatalf("%T of %q is written as %s: %v", value, text, written, err)
			}
			if twice, err := json.Marshal(again); err != nil || string(twice) != string(written) {
				t.Errorf("%T of %q: %s, then %s, %v", value, text, written, twice, err)
			}
			if list, ok := value.(*dbnloop.SymbolList); ok && slices.Contains(*list, "") && !strings.Contains(text, `"`) {
				t.Errorf("%q has a symbol without a name: %q", text, *list)
			}
		}
	})
}

// A server's file stays in its folder, and is asked of the client's own server.
func FuzzBatchFileDownload(f *testing.F) {
	f.Add("glbx-mdp3-20261115.mbo.dbn.zst", "https://hist.databento.com/v0/batch/download/U/J/f", "sha256:00ff", int64(5))
	f.Add("../../etc/passwd", "https://h/x", "md5:1", int64(-1))
	f.Add("a\x00b", "https://h//evil/x?y=%0d%0a#z", "", int64(0))
	f.Add("..", "ftp:x", "sha256:", int64(1))
	f.Add("a", "relative", "", int64(1))
	f.Add("/", "https://h/x", "", int64(1))
	f.Add("a", "https://h/x?a b", "", int64(1))
	f.Fuzz(func(t *testing.T, name, link, hash string, size int64) {
		d, err := dbnloop.BatchFile{Name: name, Size: size, Hash: hash, URLs: map[string]string{"https": link}}.Download("/data")
		if err != nil {
			if !reflect.DeepEqual(d, dbnloop.DownloadRequest{}) {
				t.Errorf("refused, yet %+v", d)
			}
			return
		}
		if filepath.Dir(d.Path) != "/data" || filepath.Base(d.Path) != name {
			t.Errorf("the name %q leads to %q", name, d.Path)
		}
		if !strings.HasPrefix(d.URLPath, "/") || strings.ContainsFunc(d.URLPath+d.Path, func(r rune) bool { return r < ' ' || r == 0x7F }) || strings.Contains(d.URLPath, " ") {
			t.Errorf("%q, %q lead to %q, %q", link, name, d.URLPath, d.Path)
		}
	})
}

func TestNoSymbolsAreNoSymbols(t *testing.T) {
	for text, want := range map[string]dbnloop.SymbolList{
		`{"symbols":null}`: nil, `{"symbols":""}`: nil, `{}`: nil, `{"symbols":"A,B"}`: {"A", "B"}, `{"symbols":[1,"B"]}`: {"1", "B"},
	} {
		var job dbnloop.BatchJob
		if err := json.Unmarshal([]byte(text), &job); err != nil || !slices.Equal(job.Symbols, want) {
			t.Errorf("%s gives %q, %v", text, job.Symbols, err)
		}
	}
}

func TestFilesThatCouldLeadElsewhereAreRefused(t *testing.T) {
	good := dbnloop.BatchFile{Name: "a.dbn.zst", URLs: map[string]string{"https": "https://h/v0/a.dbn.zst"}}
	if d, err := good.Download("/data"); err != nil || d.Path != "/data/a.dbn.zst" || d.URLPath != "/v0/a.dbn.zst" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, name := range []string{"", ".", "..", "/", "a/", "../a", "/etc/passwd", "a\x00b", "a\nb", "\x1b[2J"} {
		bad := good
		bad.Name = name
		if d, err := bad.Download("/data"); err == nil {
			t.Errorf("the name %q leads to %q", name, d.Path)
		}
	}
	for _, link := range []string{"", "relative", "mailto:x", "https://h", "https://h/x?a b", "https://h/%zz"} {
		bad := good
		bad.URLs = map[string]string{"https": link}
		if d, err := bad.Download("/data"); err == nil {
			t.Errorf("the URL %q leads to %q", link, d.URLPath)
		}
	}
}
