//go:build linux && !dbnloop_pkgconfig

package bindings

import (
	_ "github.com/dbnloop/dbnloop/capi" // they embed what core.cc includes
	_ "github.com/dbnloop/dbnloop/cpp"
)

// #cgo CPPFLAGS: -I../capi -I../cpp/include -I../cpp/src -I/usr/share/include/llhttp
// #cgo CFLAGS: -O2 -g0 -w
// #cgo CXXFLAGS: -std=c++23 -O3 -g0 -Wno-subobject-linkage -fstack-protector-strong
// #cgo dbnloop_llhttp CPPFLAGS: -DDBNLOOP_LLHTTP
// #cgo dbnloop_llhttp LDFLAGS: -lllhttp
import "C"
