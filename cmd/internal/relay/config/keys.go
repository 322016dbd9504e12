package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dbnloop/dbnloop/gateway"
)

// maxKeysFile is more than any file of keys holds.
const maxKeysFile = 1 << 20

// ReadKeys reads a file of keys: one on each line, empty lines and those that begin with # are passed over. Only its
// owner may be able to read it. A consumer proves that it has a key by a hash of the key and a challenge, which
// can only be checked with the key itself, so the file cannot hold hashes. No error shows a key.
func ReadKeys(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("keys: %w", err)
	case info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("keys: others may read %s: chmod 600 %s", path, path)
	case info.Size() > maxKeysFile:
		return nil, fmt.Errorf("keys: %s has %d bytes, so it is not a file of keys", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer clear(data)
	var keys []string
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		key := strings.TrimSpace(line)
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		if gateway.CheckKeys([]string{key}) != nil || strings.ContainsAny(key, " \t|=") {
			return nil, fmt.Errorf("keys: line %d of %s has %d characters, or characters that no key has: want %d, such as %q and 29 letters and digits", number, path, len(key), gateway.KeyLen, "db-")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: %s has none", path)
	}
	return keys, nil
}

// ErrNoKey is the lack of an upstream key.
var ErrNoKey = errors.New("no API key: set DATABENTO_API_KEY, or key_file in the configuration (--demo needs none)")

// Key finds the upstream API key.
func (u *Upstream) Key(getenv func(string) string) (string, error) {
	if u.KeyFile != "" {
		keys, err := ReadKeys(u.KeyFile)
		if err != nil {
			return "", err
		}
		return keys[0], nil
	}
	if key := strings.TrimSpace(getenv("DATABENTO_API_KEY")); key != "" {
		return key, nil
	}
	return "", ErrNoKey
}
