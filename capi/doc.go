// Package capi holds dbnloop.h and its implementation. It has a Go file so that
// `go mod vendor` keeps the header, which package bindings includes.
package capi
