// Includes a source of llhttp, NAME.c, as Debian's package node-llhttp installs it. With the tag
// dbnloop_llhttp the system's libllhttp is linked instead. (The static library that CMake builds
// hides llhttp's symbols; cgo cannot. A program that links another llhttp through cgo is refused
// by the linker, and can use the installed library: tag dbnloop_pkgconfig.)
#if defined(DBNLOOP_LINKED) || defined(DBNLOOP_LLHTTP)
#elif __has_include("/usr/share/llhttp/api.c")
#define DBNLOOP_LLHTTP_SOURCE(name) </usr/share/llhttp/name.c>
#else
#error "dbnloop needs the sources of llhttp: apt-get install node-llhttp (or libllhttp-dev and -tags dbnloop_llhttp)"
#endif
