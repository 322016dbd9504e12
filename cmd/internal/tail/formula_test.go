package tail

import (
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

func TestFormulasBecomeTextForSpreadsheets(t *testing.T) {
	file := newTestFile(dbn.SchemaNone).mapping(1, `=HYPERLINK("x")`).trade(7)
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), file.bytes(t))
	for _, test := range []struct{ flags, want string }{
		{"--fields=sequence,symbol", `7,"=HYPERLINK(""x"")"` + "\n"},
		{"--spreadsheet", `0,0,0,0,1,,,0,0,0,0,0,7,"'=HYPERLINK(""x"")"` + "\n"},
	} {
		out, messages, code := runFiles(nil, "-C", "-s", "trades", "--omit-header", test.flags, path)
		if out != test.want || code != exit.OK {
			t.Errorf("%s: %q, want %q; exit code %d, %s", test.flags, out, test.want, code, messages)
		}
	}
	// Without a formula the flag changes nothing.
	plain := writeFile(t, filepath.Join(t.TempDir(), "y.dbn"), newTestFile(dbn.SchemaNone).mapping(1, "ESZ6").trade(7).bytes(t))
	for _, form := range []string{"-C", "-T"} {
		want, _, _ := runFiles(nil, form, "-s", "trades", "-p", plain)
		if got, _, code := runFiles(nil, form, "-s", "trades", "-p", "--spreadsheet", plain); got != want || code != exit.OK {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
	if _, messages, code := runFiles(nil, "-J", "--spreadsheet", plain); code != exit.Usage {
		t.Errorf("exit code %d, %s", code, messages)
	}
}
