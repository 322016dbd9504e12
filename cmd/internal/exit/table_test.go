package exit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// The table of the document is that of help and of the manual pages.
func TestTheDocumentHasTheTableOfExitCodes(t *testing.T) {
	document, err := os.ReadFile("../../../docs/start-terminal.md")
	if err != nil {
		t.Fatal(err)
	}
	table := "| code | meaning |\n|---|---|\n"
	for _, row := range Codes {
		table += "| " + row.Code + " | " + row.Meaning + " |\n"
	}
	if !strings.Contains(string(document), table) {
		t.Errorf("docs/start-terminal.md lacks\n%s", table)
	}
}

// Every code of the library stands here, with the exit code that users' scripts rely on.
var ofTheLibrary = map[dbnloop.ErrorCode]int{
	dbnloop.CodeConnectionFailed:    Failure,
	dbnloop.CodeConnectionClosed:    Failure,
	dbnloop.CodeDNSResolutionFailed: Failure,
	dbnloop.CodeAuthFailed:          Auth,
	dbnloop.CodeInvalidAPIKey:       Auth,
	dbnloop.CodeInvalidGreeting:     Failure,
	dbnloop.CodeInvalidChallenge:    Failure,
	dbnloop.CodeParseError:          Corrupt,
	dbnloop.CodeInvalidDataset:      Usage,
	dbnloop.CodeInvalidSymbol:       Usage,
	dbnloop.CodeInvalidSchema:       Usage,
	dbnloop.CodeTLSHandshakeFailed:  Failure,
	dbnloop.CodeCertificateError:    Failure,
	dbnloop.CodeHTTPError:           Failure,
	dbnloop.CodeDecompressionError:  Corrupt,
	dbnloop.CodeTimeout:             Failure,
	dbnloop.CodeHeartbeatTimeout:    Failure,
	dbnloop.CodeGatewayError:        Failure,
	dbnloop.CodeInvalidArgument:     Usage,
	dbnloop.CodeInvalidState:        Failure,
	dbnloop.CodeCancelled:           OK,
	dbnloop.CodeLimitExceeded:       Failure,
	dbnloop.CodeSystem:              Failure,
	dbnloop.CodeOutOfMemory:         Failure,
	dbnloop.CodeHandlerFailed:       Failure,
	dbnloop.CodeTruncated:           Partial,
	dbnloop.CodeChecksumMismatch:    Corrupt,
}

// A code that the library gets later has a name, and is missed here.
func TestEveryCodeOfTheLibraryHasAnExitCode(t *testing.T) {
	for code := dbnloop.ErrorCode(1); code.String() != fmt.Sprintf("ErrorCode(%d)", uint32(code)); code++ {
		want, ok := ofTheLibrary[code]
		if !ok {
			t.Errorf("%v has no exit code in this test: choose one in table.go", code)
		}
		// The message, whatever it says, decides nothing.
		for _, message := range []string{"", "the stream ended inside a record", "the file was discarded"} {
			err := fmt.Errorf("in the middle: %w", &dbnloop.Error{Code: code, Message: message})
			if got, known := Lookup(err); got != want || !known {
				t.Errorf("%v with the message %q: exit code %d, known: %t, want %d", code, message, got, known, want)
			}
		}
	}
}

func TestOtherErrorsHaveTheirExitCodes(t *testing.T) {
	for _, test := range []struct {
		err   error
		code  int
		known bool
	}{
		{nil, OK, true},
		{ErrReaderGone, OK, true},
		{fmt.Errorf("writing: %w", ErrReaderGone), OK, true},
		{Fail(Partial, "x: %w", &dbnloop.Error{Code: dbnloop.CodeAuthFailed}), Partial, true},
		{BadUsage("x"), Usage, true},
		{Signal(syscall.SIGINT), 130, true},
		{&StuckError{Signal(syscall.SIGTERM)}, 143, true},
		{&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, Failure, true},
		{&dbn.MetadataSizeError{}, Failure, true},
		{dbn.ErrHeaderInFragment, Corrupt, true},
		{dbn.ErrLegacyDBZ, Corrupt, true},
		{&dbn.DecodeError{Err: errors.New("x")}, Corrupt, true},
		{&dbn.DecodeError{Err: io.ErrUnexpectedEOF}, Partial, true},
		{io.ErrUnexpectedEOF, Partial, true},
		{errors.New("x"), Failure, false},
	} {
		if code, known := Lookup(test.err); code != test.code || known != test.known {
			t.Errorf("%T %v: exit code %d, known: %t, want %d, %t", test.err, test.err, code, known, test.code, test.known)
		}
		if code := FromError(test.err); code != test.code {
			t.Errorf("%T %v: exit code %d, want %d", test.err, test.err, code, test.code)
		}
	}
}
