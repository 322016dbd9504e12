//go:build linux && dbnloop_static && !dbnloop_pkgconfig

// Go links with gcc, where -static-libstdc++ does nothing: the archives are named.

package bindings

// #cgo LDFLAGS: -l:libssl.a -l:libcrypto.a -l:libzstd.a -l:libcares.a -l:libstdc++.a -ldl -lm -pthread -static-libgcc
import "C"
