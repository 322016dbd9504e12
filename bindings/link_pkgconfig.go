//go:build linux && dbnloop_pkgconfig

package bindings

// #cgo pkg-config: --static dbnloop
import "C"
