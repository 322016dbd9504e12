package tail

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// descriptor is the file descriptor of a stream; false when it has none.
func descriptor(stream any) (int, bool) {
	if o, ok := stream.(*outlet); ok {
		stream = o.file
	}
	file, ok := stream.(*os.File)
	if !ok || file == nil {
		return -1, false
	}
	return int(file.Fd()), true
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	fd, ok := descriptor(stream)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// isTerminalPath reports whether a path is that of a terminal.
func isTerminalPath(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return isTerminal(file)
}

// terminalWidth is the number of columns; 0 when the stream is no terminal or does not know.
func terminalWidth(w io.Writer) int {
	fd, ok := descriptor(w)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// isPipe reports whether a descriptor is a pipe or a socket.
func isPipe(fd int) bool {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return false
	}
	kind := stat.Mode & unix.S_IFMT
	return kind == unix.S_IFIFO || kind == unix.S_IFSOCK
}
