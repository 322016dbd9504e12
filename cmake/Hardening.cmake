# What ships is compiled so that a fault in it is harder to use: stack canaries, stack
# probes, checked branches, checked libc calls, and relocations that are read-only. Eager
# binding also keeps the lazy resolver from saving registers (and a key in them) on the
# stack. Sanitizers and fuzzers bring their own checks.
include(CheckCXXCompilerFlag)

if(NOT DBNLOOP_SANITIZE AND NOT DBNLOOP_BUILD_FUZZERS)
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER "DBNLOOP_HAS${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
  # It needs optimisation; a distribution's compiler may define it already.
  add_compile_options("$<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  add_link_options(-Wl,-z,relro,-z,now)
endif()
