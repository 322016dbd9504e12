//go:build !cgo

package bindings

// This module links a C++ library: build it with CGO_ENABLED=1 and a C compiler.
// (Package dbn alone needs no cgo.)
var _ = dbnloop_needs_cgo_build_it_with_CGO_ENABLED_1
