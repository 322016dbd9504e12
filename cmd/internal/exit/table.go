package exit

import (
	"errors"
	"io"
	"io/fs"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// FromError returns the exit code of an error, for live sessions, historical calls, files and
// batch jobs alike. It reads codes and types, never the text of a message. An error that the
// table does not hold is a Failure.
func FromError(err error) int {
	code, _ := Lookup(err)
	return code
}

// Lookup is FromError; known is false for an error that the table does not hold.
func Lookup(err error) (code int, known bool) {
	var own *Error
	var signal Signal
	var library *dbnloop.Error
	var path *fs.PathError
	var size *dbn.MetadataSizeError
	var fault *dbn.DecodeError
	switch {
	case err == nil, errors.Is(err, ErrReaderGone):
		return OK, true
	case errors.As(err, &own):
		return own.Code, true
	case errors.As(err, &signal):
		return signal.Code(), true
	case errors.As(err, &library):
		return fromLibrary(library.Code), true
	case errors.As(err, &path), errors.As(err, &size):
		return Failure, true
	case errors.Is(err, dbn.ErrHeaderInFragment):
		return Corrupt, true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Partial, true
	case errors.As(err, &fault), errors.Is(err, dbn.ErrLegacyDBZ):
		return Corrupt, true
	}
	return Failure, false
}

// fromLibrary is the table's part for the library's codes. A caller that knows more than the
// code says, such as a limit that was not reached, decides before it asks.
func fromLibrary(code dbnloop.ErrorCode) int {
	switch code {
	case dbnloop.CodeCancelled:
		return OK
	case dbnloop.CodeInvalidAPIKey, dbnloop.CodeAuthFailed:
		return Auth
	case dbnloop.CodeTruncated:
		return Partial
	case dbnloop.CodeParseError, dbnloop.CodeDecompressionError, dbnloop.CodeChecksumMismatch:
		return Corrupt
	case dbnloop.CodeInvalidArgument, dbnloop.CodeInvalidDataset, dbnloop.CodeInvalidSymbol, dbnloop.CodeInvalidSchema:
		return Usage
	}
	return Failure
}
