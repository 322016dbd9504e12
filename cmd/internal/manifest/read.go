package manifest

import (
	"os"

	"github.com/dbnloop/dbnloop/cmd/internal/survey"
)

// surveyFile reads a file of a capture; read is called with the bytes of each read.
func surveyFile(path string, read func(int)) (*survey.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return survey.Read(file, survey.Options{Hash: true, Read: read}), nil
}
