#pragma once

// Every header reaches this before it needs anything of C++23, so that a compiler in an
// older mode reports this first. (g++ 12 defines __cplusplus as 202100 with
// -std=c++23.)
#if __cplusplus < 202100L
#error "dbnloop needs C++23: compile with -std=c++23 (CMake: cxx_std_23)"
#endif
