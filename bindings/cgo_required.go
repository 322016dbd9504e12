//go:build linux && !cgo

package bindings

// This module compiles a C++ library: build it with CGO_ENABLED=1 and a C++ compiler.
// (The packages dbn, gateway and sim need no cgo.)
var _ = dbnloop_needs_cgo_build_it_with_CGO_ENABLED_1
