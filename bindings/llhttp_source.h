// Names a source of llhttp as Debian's package node-llhttp installs it. With the tag
// dbnloop_llhttp the system's libllhttp is linked instead. (The library that CMake
// builds hides llhttp's symbols; cgo cannot. The linker refuses a program that links
// another llhttp through cgo; with the tag dbnloop_pkgconfig it has the installed one.)
#if defined(DBNLOOP_LINKED) || defined(DBNLOOP_LLHTTP)
#elif __has_include("/usr/share/llhttp/api.c")
#define DBNLOOP_LLHTTP_SOURCE(name) </usr/share/llhttp/name.c>
#else
#error "dbnloop needs llhttp's sources (node-llhttp), or -tags dbnloop_llhttp"
#endif
