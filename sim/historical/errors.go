package historical

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// apiError is an answer of status 400 and above, in the form that clients know.
type apiError struct {
	status  int
	kind    string         // "case" in JSON: what went wrong, for programs
	message string         // for people
	payload map[string]any // the values concerned; may be nil
	plain   bool           // the form with a text only
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.kind, e.message) }

// docsURL is what the errors point to.
const docsURL = "https://databento.com/docs/api-reference-historical"

// body is the JSON of the error.
func (e *apiError) body() any {
	if e.plain {
		return map[string]any{"detail": e.message}
	}
	return map[string]any{"detail": map[string]any{
		"case": e.kind, "message": e.message, "status_code": e.status, "docs": docsURL, "payload": e.payload,
	}}
}

// invalid is an error in a parameter.
func invalid(kind, format string, args ...any) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, kind: kind, message: fmt.Sprintf(format, args...)}
}

// plainError is an error of the web server rather than of the API.
func plainError(status int) *apiError {
	return &apiError{status: status, message: http.StatusText(status), plain: true}
}

// writeJSON answers with JSON whose length is announced.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	if header.Get("Content-Length") == "" {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
