# llhttp, the HTTP/1.1 parser, in a form that can become a private part of a static library.
# Three homes, in this order:
#   a static library target that a surrounding project has made already,
#   libllhttp.a with its header (libllhttp-dev of newer systems),
#   the three C sources of Debian 12's node-llhttp, compiled into this project.
# A shared library is not taken: its symbols cannot be made private.
#
#   llhttp_FOUND, llhttp_INCLUDE_DIRS
#   llhttp_PARTS   the archive or the objects, as a list of files (generator expressions)
foreach(made llhttp_static llhttp::llhttp_static llhttp::llhttp llhttp)
  if(TARGET ${made})
    get_target_property(type ${made} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      set(llhttp_FOUND TRUE)
      set(llhttp_INCLUDE_DIRS $<TARGET_PROPERTY:${made},INTERFACE_INCLUDE_DIRECTORIES>)
      set(llhttp_PARTS $<TARGET_FILE:${made}>)
      return()
    endif()
  endif()
endforeach()

find_path(llhttp_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
find_library(llhttp_LIBRARY NAMES libllhttp.a)
find_path(llhttp_SOURCE_DIR NAMES llhttp.c PATHS /usr/share/llhttp /usr/share/nodejs/llhttp/src
          NO_DEFAULT_PATH)
mark_as_advanced(llhttp_INCLUDE_DIR llhttp_LIBRARY llhttp_SOURCE_DIR)

include(FindPackageHandleStandardArgs)
if(llhttp_LIBRARY)
  find_package_handle_standard_args(llhttp REQUIRED_VARS llhttp_LIBRARY llhttp_INCLUDE_DIR)
  set(llhttp_PARTS "${llhttp_LIBRARY}")
else()
  find_package_handle_standard_args(llhttp REQUIRED_VARS llhttp_SOURCE_DIR llhttp_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "it needs libllhttp.a, or llhttp's C sources (Debian's node-llhttp)")
  if(llhttp_FOUND)
    add_library(dbnloop_llhttp OBJECT
      ${llhttp_SOURCE_DIR}/api.c ${llhttp_SOURCE_DIR}/http.c ${llhttp_SOURCE_DIR}/llhttp.c)
    target_include_directories(dbnloop_llhttp SYSTEM PRIVATE "${llhttp_INCLUDE_DIR}")
    target_compile_options(dbnloop_llhttp PRIVATE -w -fno-lto)
    set(llhttp_PARTS $<TARGET_OBJECTS:dbnloop_llhttp>)
  endif()
endif()
set(llhttp_INCLUDE_DIRS "${llhttp_INCLUDE_DIR}")
