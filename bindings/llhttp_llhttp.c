// clang-format off
//go:build linux && !dbnloop_pkgconfig
// clang-format on

#include "llhttp_source.h"
#ifdef DBNLOOP_LLHTTP_SOURCE
#include DBNLOOP_LLHTTP_SOURCE(llhttp)
#endif
