// Package wholefile writes small files that others wait for.
package wholefile

import (
	"cmp"
	"os"
	"path/filepath"
)

// Write writes a file in one step: whoever waits for it sees all of it or nothing. An existing
// file is replaced, and everybody may read the new one.
func Write(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = cmp.Or(err, temp.Chmod(0o644), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		temp.Close()           //nolint:errcheck // the first error counts
		os.Remove(temp.Name()) //nolint:errcheck // likewise
	}
	return err
}
