# llhttp, the HTTP/1.1 parser: target llhttp::llhttp. Three homes, in this order:
#   a static or shared library with its header (libllhttp-dev of newer systems),
#   the three C sources of Debian 12's node-llhttp, compiled into this project,
#   a target llhttp_static or llhttp that the surrounding project has made already.
if(TARGET llhttp::llhttp)
  return()
endif()
foreach(made llhttp_static llhttp_shared)
  if(TARGET ${made})
    add_library(llhttp::llhttp ALIAS ${made})
    set(llhttp_FOUND TRUE)
    return()
  endif()
endforeach()

find_path(llhttp_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
find_library(llhttp_LIBRARY NAMES libllhttp.a llhttp)
find_path(llhttp_SOURCE_DIR NAMES llhttp.c PATHS /usr/share/llhttp /usr/share/nodejs/llhttp/src
          NO_DEFAULT_PATH)
mark_as_advanced(llhttp_INCLUDE_DIR llhttp_LIBRARY llhttp_SOURCE_DIR)

include(FindPackageHandleStandardArgs)
if(llhttp_LIBRARY)
  find_package_handle_standard_args(llhttp REQUIRED_VARS llhttp_LIBRARY llhttp_INCLUDE_DIR)
  if(llhttp_FOUND)
    add_library(llhttp::llhttp UNKNOWN IMPORTED)
    set_target_properties(llhttp::llhttp PROPERTIES
      IMPORTED_LOCATION "${llhttp_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${llhttp_INCLUDE_DIR}")
  endif()
else()
  find_package_handle_standard_args(llhttp REQUIRED_VARS llhttp_SOURCE_DIR llhttp_INCLUDE_DIR)
  if(llhttp_FOUND)
    # Objects, so that libdbnloop.a holds them and has one file to link less.
    add_library(llhttp_objects OBJECT
      ${llhttp_SOURCE_DIR}/api.c ${llhttp_SOURCE_DIR}/http.c ${llhttp_SOURCE_DIR}/llhttp.c)
    target_include_directories(llhttp_objects SYSTEM PUBLIC "${llhttp_INCLUDE_DIR}")
    target_compile_options(llhttp_objects PRIVATE -w)
    set(llhttp_OBJECTS $<TARGET_OBJECTS:llhttp_objects>)
    add_library(llhttp::llhttp INTERFACE IMPORTED)
    set_target_properties(llhttp::llhttp PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${llhttp_INCLUDE_DIR}")
  endif()
endif()
