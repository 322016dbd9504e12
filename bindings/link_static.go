//go:build dbnloop_static && !dbnloop_pkgconfig

// Go links with gcc, where -static-libstdc++ does nothing: the archives are named.

package bindings

// #cgo CFLAGS: -I${SRCDIR}/../capi
// #cgo LDFLAGS: -L${SRCDIR}/../build/release -L/usr/local/lib -L/usr/local/lib/x86_64-linux-gnu -L/usr/local/lib/aarch64-linux-gnu
// #cgo LDFLAGS: -ldbnloop -l:libssl.a -l:libcrypto.a -l:libzstd.a -l:libcares.a -l:libstdc++.a -ldl -lm -pthread -static-libgcc
import "C"
