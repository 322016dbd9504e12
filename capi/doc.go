// Package capi holds dbnloop.h, the headers that it includes, and their implementation. It has a
// Go file so that `go mod vendor` keeps the headers, which package bindings includes.
package capi
