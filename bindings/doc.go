// Package bindings is internal to this module: use package dbnloop instead. Nothing here checks
// ownership or lifetimes, and everything may change in any release without notice.
//
// It contains the functions of the C API that package dbnloop needs, one Go function for each C
// function, and is the only package with import "C".
//
// It compiles the C++ core itself, from the sources in the module: a program needs `go get`,
// `go build`, a C++ compiler and the headers of OpenSSL, zstd, c-ares, nlohmann/json and llhttp.
// The compiler names what is missing. Build tags change this:
//
//   - dbnloop_pkgconfig links the installed library, which pkg-config finds.
//   - dbnloop_static links everything except libc statically.
//   - dbnloop_llhttp links the system's libllhttp, where Debian's package node-llhttp with its
//     sources is unavailable.
package bindings
