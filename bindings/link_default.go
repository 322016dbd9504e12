//go:build linux && !dbnloop_pkgconfig && !dbnloop_static

package bindings

// #cgo LDFLAGS: -lssl -lcrypto -lzstd -lcares -lstdc++ -lm -pthread
import "C"
