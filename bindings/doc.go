// Package bindings is internal to this module: use package dbnloop instead. Nothing here checks
// ownership or lifetimes, and everything may change in any release without notice.
//
// It contains the functions of the C API that package dbnloop needs, one Go function for each C
// function, and is the only package with import "C".
//
// The library is looked up in the build tree (build/release of this module) and then in
// /usr/local. With the tag dbnloop_pkgconfig its place comes from pkg-config; with
// dbnloop_static everything except libc is linked statically, from the build tree or from
// /usr/local.
package bindings
