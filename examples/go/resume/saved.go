package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/dbnloop/dbnloop"
)

// docs: store

// saved is what was made of the records, and the position that it belongs to: in one file, which is
// replaced in one step.
type saved struct {
	Trades   int
	Position []byte
}

func (s *saved) load(file string, client *dbnloop.ContinuousClient) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the first run
	}
	if err := errors.Join(err, json.Unmarshal(data, s)); err != nil {
		return err
	}
	return client.ResumeFrom(s.Position)
}

func (s *saved) store(file string, client *dbnloop.ContinuousClient) (err error) {
	if s.Position, err = client.Position(); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err := errors.Join(err, os.WriteFile(file+".part", data, 0o600)); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

// docs: end
