package term

import (
	"bytes"
	"testing"
)

// What the server says reaches the terminal without its control sequences.
func TestListingIsPrintable(t *testing.T) {
	var out bytes.Buffer
	l := Listing{Columns: []string{"a", "b"}}
	l.Add("x\x1b[31m", "")
	if err := l.Print(&out, ListingForm{}); err != nil {
		t.Fatal(err)
	}
	if want := "a       b\nx?[31m  -\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
