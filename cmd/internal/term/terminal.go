// Package term is the terminal: what it is, what may reach it, and how messages, progress,
// listings and numbers look on it; and streams whose reader may not read.
package term

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Descriptor is the file descriptor of a stream; false when it has none.
func Descriptor(stream any) (int, bool) {
	if o, ok := stream.(*Outlet); ok {
		stream = o.file
	}
	file, ok := stream.(*os.File)
	if !ok || file == nil {
		return -1, false
	}
	return int(file.Fd()), true
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	fd, ok := Descriptor(stream)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// IsTerminalPath reports whether a path is that of a terminal.
func IsTerminalPath(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return IsTerminal(file)
}

// Width is the number of columns; 0 when the stream is not a terminal or does not know.
func Width(w io.Writer) int {
	fd, ok := Descriptor(w)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// IsPipe reports whether a descriptor is a pipe or a socket.
func IsPipe(fd int) bool {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return false
	}
	kind := stat.Mode & unix.S_IFMT
	return kind == unix.S_IFIFO || kind == unix.S_IFSOCK
}
