package main

import (
	"errors"
	"io"
	"os"

	"github.com/dbnloop/dbnloop/dbn"
)

func packageDbn(form string) bool { return form == "decoder" || form == "csv" || form == "json" }

// decode reads a file without the core, and writes it as text if the form says so. The text
// is counted, and goes nowhere.
func decode(form, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, t := start(), totals{}
	d, err := dbn.NewDecoder(f)
	if err != nil {
		return err
	}
	defer d.Close()
	options := dbn.TextOptions{}
	text := make([]byte, 0, 128<<10)
	for {
		r, err := d.Next()
		if errors.Is(err, io.EOF) {
			w.print(t)
			return nil
		}
		if err != nil {
			return err
		}
		t.take(r)
		switch form {
		case "csv":
			text = dbn.AppendCSV(text, r, dbn.ColumnsOf(r), "", &options)
		case "json":
			text = append(dbn.AppendJSON(text, r, dbn.ColumnsOf(r), "", false, &options), '\n')
		}
		if len(text) >= 64<<10 {
			text = text[:0]
		}
	}
}
