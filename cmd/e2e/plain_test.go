package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

// hostile is what a symbol or text may hold: it clears screens, names windows, rings, ends
// lines, turns text around, and is broken UTF-8.
const hostile = "\x1b[2J\x1b]0;t\a\u009b31m\u009d\x7f\r\n\u202e\u2066\u200f\u2028\u2029\ufeff\xff\x9b\xe2\x80=\"x"

// hostileFile has hostile text in its metadata, its symbols and its messages.
func hostileFile(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	metadata := &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone, StypeIn: dbn.STypeNone,
		StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71,
	}
	encoder, err := dbn.NewEncoder(&out, metadata)
	if err != nil {
		t.Fatal(err)
	}
	write := func(hd *dbn.RecordHeader, rtype dbn.RType, size uintptr) {
		hd.Length, hd.RType, hd.InstrumentID = uint8(size/4), rtype, 7
		if err := encoder.WriteBytes(unsafe.Slice((*byte)(unsafe.Pointer(hd)), size)); err != nil {
			t.Fatal(err)
		}
	}
	var mapping dbn.SymbolMappingMsg
	copy(mapping.StypeInSymbol[:], hostile)
	copy(mapping.StypeOutSymbol[:], hostile)
	write(&mapping.Hd, dbn.RTypeSymbolMapping, unsafe.Sizeof(mapping))
	var system dbn.SystemMsg
	copy(system.Msg[:], hostile)
	write(&system.Hd, dbn.RTypeSystem, unsafe.Sizeof(system))
	var failure dbn.ErrorMsg
	copy(failure.Err[:], hostile)
	write(&failure.Hd, dbn.RTypeError, unsafe.Sizeof(failure))
	var definition dbn.InstrumentDefMsg
	copy(definition.RawSymbol[:], hostile)
	copy(definition.Asset[:], hostile)
	copy(definition.Exchange[:], "\x1b[1m")
	copy(definition.Currency[:], "\x9b1m")
	definition.InstrumentClass, definition.SecurityUpdateAction = '\x1b', '\x9b'
	write(&definition.Hd, dbn.RTypeInstrumentDef, unsafe.Sizeof(definition))
	var trade dbn.TradeMsg
	trade.Action, trade.Side = '\x1b', '\x9b'
	write(&trade.Hd, dbn.RTypeMbp0, unsafe.Sizeof(trade))
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	at := bytes.Index(data, []byte("GLBX.MDP3"))
	copy(data[at:], "GL\x1b[1m\x9b\x7f!") // an encoder writes no such name
	path := filepath.Join(t.TempDir(), "hostile.dbn")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// notPlain gives what must not have reached a terminal, apart from the colors of tables.
func notPlain(shown string) string {
	for _, c := range escapes.ReplaceAllString(shown, "") {
		if c != '\n' && !cli.IsPlain(c) {
			return string(c)
		}
	}
	return ""
}

func TestNothingButPlainTextReachesATerminal(t *testing.T) {
	path := hostileFile(t)
	for args, lines := range map[string]int{
		"--color never":          4, // a header, a day, two records
		"--color never --system": 7,
		"-J":                     2,
		"-J --system":            5,
		"-C -s definition":       2,
		"-C -s definition -p":    2,
		"-T -s definition":       2,
		"-T -s trades --fields symbol,action,side":   2,
		"-C -s trades --fields symbol,action":        2,
		"-C -s definition --fields raw_symbol,asset": 2,
		"-J -s trades --fields symbol":               1,
		"-J -n 1":                                    1,
		"-m":                                         1,
	} {
		t.Run(args, func(t *testing.T) {
			shown, code, p := onTerminal(t, 200, append(strings.Fields(args), path)...)
			if odd := notPlain(strings.ReplaceAll(shown, "\t", " ")); odd != "" || code != 0 {
				t.Errorf("%q in %q; exit code %d, %s", odd, shown, code, p.stderr)
			}
			if strings.Contains(args, "--color never") && strings.Contains(shown, "\x1b") {
				t.Errorf("%q", shown)
			}
			if n := strings.Count(shown, "\n"); n != lines {
				t.Errorf("%d lines, want %d: %q", n, lines, shown)
			}
		})
	}
	for _, args := range []string{"-J -p", "-m -p"} {
		t.Run(args, func(t *testing.T) {
			shown, code, _ := onTerminal(t, 200, append(strings.Fields(args), path)...)
			if odd := notPlain(shown); odd != "" || code != 0 || !strings.Contains(shown, "\n    ") {
				t.Errorf("%q in %q; exit code %d", odd, shown, code)
			}
		})
	}
}

// The bytes of files and pipes are those of the official tool.
func TestFilesAndPipesGetTheBytesAsTheyAre(t *testing.T) {
	path := hostileFile(t)
	for _, args := range []string{"-J -s trades", "-C -s trades", "-T -s trades"} {
		got := output(t, append(strings.Fields(args), path)...)
		if !bytes.Contains(got, []byte("\u202e")) {
			t.Errorf("%s: %q", args, got)
		}
	}
}

func TestMessagesAreAlwaysPlain(t *testing.T) {
	name := strings.ReplaceAll(hostile, "/", "") + ".dbn"
	for _, format := range []string{"text", "json"} {
		p := start(t, "--log-format", format, name)
		if code := p.wait(); code != 1 {
			t.Errorf("exit code %d", code)
		}
		if got := p.stderr.String(); notPlain(got) != "" || strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") {
			t.Errorf("%s: %q", format, got)
		}
	}
	gateway := simulator(t, "--fault", "auth-refused=no\u009b31m\u202e\x7f")
	for _, format := range []string{"text", "json"} {
		p := start(t, "--log-format", format, "-d", "GLBX.MDP3", "-s", "trades", "--gateway", gateway, "ESZ6")
		if code := p.wait(); code != 4 {
			t.Errorf("exit code %d", code)
		}
		if got := p.stderr.String(); notPlain(got) != "" || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", format, got)
		}
	}
}
