//go:build !dbnloop_pkgconfig && !dbnloop_static

package bindings

// #cgo CFLAGS: -I${SRCDIR}/../capi
// #cgo LDFLAGS: -L${SRCDIR}/../build/release -L/usr/local/lib -L/usr/local/lib/x86_64-linux-gnu -L/usr/local/lib/aarch64-linux-gnu
// #cgo LDFLAGS: -ldbnloop -lssl -lcrypto -lzstd -lcares -lstdc++ -lm -pthread
import "C"
