package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errLineTooLong ends a session whose client sends no line end.
var errLineTooLong = errors.New("line too long")

// newLineReader returns a reader for readLine. Its buffer is not larger than the limit, so
// that a line without an end is noticed as soon as it is too long.
func newLineReader(r io.Reader, limit int) *bufio.Reader {
	return bufio.NewReaderSize(r, min(limit, 4096))
}

// readLine reads one line and returns it without its LF (and CR). At most limit bytes
// are held. A line that ends with the input instead of a LF is an error.
func readLine(r *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit || (err != nil && len(line)+len(part) == limit) {
			return "", fmt.Errorf("%w: more than %d bytes", errLineTooLong, limit)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return strings.TrimRight(string(line), "\r\n"), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return "", io.ErrUnexpectedEOF
		default:
			return "", err
		}
	}
}

// parseFields splits a line of key=value pairs joined by '|'. Each pair is split at its
// first '='; a pair without one has an empty value; empty pairs (a trailing '|') are
// skipped. A repeated key is an error, because either meaning would be a guess.
func parseFields(line string) (map[string]string, error) {
	fields := make(map[string]string)
	for pair := range strings.SplitSeq(line, "|") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key == "" {
			return nil, fmt.Errorf("pair %q has no key", pair)
		}
		if _, repeated := fields[key]; repeated {
			return nil, fmt.Errorf("key %q occurs twice", key)
		}
		if len(fields) == maxFields {
			return nil, fmt.Errorf("more than %d pairs", maxFields)
		}
		fields[key] = value
	}
	return fields, nil
}
