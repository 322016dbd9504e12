// Package cpp holds the C++ core's sources, which package bindings compiles. Embedding them makes
// `go mod vendor` copy them and makes Go's build cache see their changes; no program contains
// them, because nothing refers to the variable.
package cpp

import "embed"

//go:embed include src
var _ embed.FS
