package chaos

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// frame is what a NATS consumer has written at once: records, and the place of the message before theirs. One without
// records says that a process has begun.
type frame struct {
	offset  int64
	tag     uint64
	records []byte
}

const frameHead = 12

func writeFrame(file *os.File, tag uint64, records []byte) error {
	buffer := binary.LittleEndian.AppendUint64(make([]byte, 0, frameHead+len(records)), tag)
	buffer = binary.LittleEndian.AppendUint32(buffer, uint32(len(records)))
	_, err := file.Write(append(buffer, records...))
	return err
}

// parseFrames returns the complete frames.
func parseFrames(data []byte) (frames []frame, size int64) {
	at := 0
	for len(data)-at >= frameHead {
		n := int(binary.LittleEndian.Uint32(data[at+8:]))
		if len(data)-at-frameHead < n {
			break
		}
		frames = append(frames, frame{int64(at), binary.LittleEndian.Uint64(data[at:]), data[at+frameHead : at+frameHead+n]})
		at += frameHead + n
	}
	return frames, int64(at)
}

// openFrames opens a file for more frames, and cuts an incomplete one at its end.
func openFrames(path string) (*os.File, []frame, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(file)
	frames, size := parseFrames(data)
	if err := errors.Join(err, file.Truncate(size), seekEnd(file)); err != nil {
		file.Close() //nolint:errcheck // the first error counts
		return nil, nil, err
	}
	return file, frames, nil
}
