//go:build !linux

package tcp

import (
	"errors"
	"net"
)

// unacknowledged is not known here.
func unacknowledged(*net.TCPConn) (n int, err error) { return 0, errors.ErrUnsupported }
