// Package bindings is the C API, one Go function per C function, and the only package with
// import "C". Use package dbnloop instead: nothing here checks ownership or lifetimes.
//
// Where the library comes from: the build tree (build/release of this module), then
// /usr/local. With the tag dbnloop_pkgconfig pkg-config says it; with dbnloop_static
// everything but libc is linked statically from the build tree or /usr/local.
package bindings
