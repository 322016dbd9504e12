package tcp

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes the peer's kernel has not acknowledged yet.
func unacknowledged(conn *net.TCPConn) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	})
	if controlErr != nil {
		return 0, controlErr
	}
	return n, err
}
