# The objects are compiled once, for two libraries.
#   dbnloop          libdbnloop.a: the C++ and the C API
#   dbnloop_shared   libdbnloop.so: the C API alone. The C++ API has inline functions and types of
#                    the standard library, so its binary interface would change with each
#                    compiler: C++ programs use the static library.
file(GLOB_RECURSE DBNLOOP_SOURCES CONFIGURE_DEPENDS cpp/src/*.cpp capi/src/*.cpp)
list(REMOVE_ITEM DBNLOOP_SOURCES "${DBNLOOP_HTTP_SOURCE}")
set(parts "${DBNLOOP_HTTP_OBJECT}" ${DBNLOOP_DATABENTO_OBJECTS})
set(needs dbnloop_records OpenSSL::SSL OpenSSL::Crypto PkgConfig::DBNLOOP_ZSTD
    PkgConfig::DBNLOOP_CARES)

add_library(dbnloop_objects OBJECT ${DBNLOOP_SOURCES})
target_include_directories(dbnloop_objects PRIVATE cpp/include capi cpp/src)
target_link_libraries(dbnloop_objects PRIVATE ${needs} dbnloop_warnings)
# The compiler spends most of its time on headers: one file a directory halves the build.
# Names in anonymous namespaces must therefore be unique within a directory.
foreach(source IN LISTS DBNLOOP_SOURCES)
  cmake_path(RELATIVE_PATH source OUTPUT_VARIABLE room)
  cmake_path(GET room PARENT_PATH room)
  string(MAKE_C_IDENTIFIER "${room}" room)
  set_source_files_properties("${source}" PROPERTIES UNITY_GROUP ${room})
endforeach()
set_target_properties(dbnloop_objects PROPERTIES UNITY_BUILD ${DBNLOOP_UNITY}
                                                 UNITY_BUILD_MODE GROUP)
if(DBNLOOP_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ takes what is included for a header, where such a type would be a mistake.
  target_compile_options(dbnloop_objects PRIVATE -Wno-subobject-linkage)
endif()

add_library(dbnloop STATIC $<TARGET_OBJECTS:dbnloop_objects> ${parts})
add_library(dbnloop::dbnloop ALIAS dbnloop)
add_dependencies(dbnloop dbnloop_http_object)
target_compile_features(dbnloop PUBLIC cxx_std_23)
target_include_directories(dbnloop PUBLIC
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/cpp/include>
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/capi>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(dbnloop PUBLIC ${needs}
  INTERFACE $<$<LINK_LANGUAGE:C>:stdc++> $<$<LINK_LANGUAGE:C>:m>) # for projects without C++

if(DBNLOOP_BUILD_SHARED)
  # The number in the name is that of the C API: a program finds the library that it was built
  # for, or none.
  file(STRINGS capi/dbnloop.h abi REGEX "^#define DBNLOOP_ABI_VERSION [0-9]+$")
  string(REGEX REPLACE ".* " "" DBNLOOP_ABI_VERSION "${abi}")
  set(map "${CMAKE_CURRENT_SOURCE_DIR}/cmake/dbnloop.map")
  add_library(dbnloop_shared SHARED $<TARGET_OBJECTS:dbnloop_objects> ${parts})
  add_library(dbnloop::dbnloop_shared ALIAS dbnloop_shared)
  add_dependencies(dbnloop_shared dbnloop_http_object)
  # A directory of its own in the build tree: beside libdbnloop.a, it would be what -ldbnloop is.
  set_target_properties(dbnloop_shared PROPERTIES OUTPUT_NAME dbnloop
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/shared"
    VERSION ${DBNLOOP_ABI_VERSION}.${PROJECT_VERSION} SOVERSION ${DBNLOOP_ABI_VERSION}
    LINKER_LANGUAGE CXX LINK_DEPENDS "${map}")
  target_include_directories(dbnloop_shared INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/capi>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(dbnloop_shared PRIVATE "$<BUILD_INTERFACE:${needs}>")
  target_link_options(dbnloop_shared PRIVATE "-Wl,--version-script=${map}")
endif()
