// Package capi holds dbnloop.h, the headers that it includes, and their implementation, which
// package bindings compiles. Embedding them makes `go mod vendor` copy them and makes Go's build
// cache see their changes.
package capi

import "embed"

//go:embed *.h src
var _ embed.FS
