# Builds databento-cpp from sources: its types for the library, its clients for comparisons.

# What databento-cpp's headers include; sets `missing` to the packages that are not there.
function(dbnloop_find_databento_needs missing)
  find_package(nlohmann_json 3 QUIET)
  find_path(DBNLOOP_HTTPLIB_INCLUDE httplib.h)
  find_path(DBNLOOP_DATE_INCLUDE date/date.h)
  mark_as_advanced(DBNLOOP_HTTPLIB_INCLUDE DBNLOOP_DATE_INCLUDE)
  set(list "")
  if(NOT nlohmann_json_FOUND)
    list(APPEND list nlohmann-json3-dev)
  endif()
  if(NOT DBNLOOP_HTTPLIB_INCLUDE)
    list(APPEND list libcpp-httplib-dev)
  endif()
  if(NOT DBNLOOP_DATE_INCLUDE)
    list(APPEND list libhowardhinnant-date-dev)
  endif()
  list(JOIN list " " list)
  set(${missing} "${list}" PARENT_SCOPE)
endfunction()

# Writes the headers that databento-cpp's own CMake would; sets `generated` to their directory.
function(dbnloop_configure_databento source version generated)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/databento/include")
  string(REPLACE "." ";" parts "${version}.0")
  list(GET parts 0 PROJECT_VERSION_MAJOR)
  list(GET parts 1 PROJECT_VERSION_MINOR)
  list(GET parts 2 PROJECT_VERSION_PATCH)
  set(PROJECT_NAME databento)
  set(PROJECT_VERSION "${version}")
  configure_file("${source}/cmake/version.hpp.in" "${directory}/databento/version.hpp" @ONLY)
  configure_file("${source}/cmake/system.hpp.in" "${directory}/databento/system.hpp" @ONLY)
  set(${generated} "${directory}" PARENT_SCOPE)
endfunction()

# The types alone, from sources. Their objects become part of libdbnloop.a, so that there is
# one library to link; their headers are installed beside ours, in a directory of their own,
# where they cannot be taken for an installed databento-cpp.
#   DBNLOOP_DATABENTO_OBJECTS   the objects
#   DBNLOOP_DATABENTO_HEADERS   the directories whose databento/*.hpp are to be installed
#   DBNLOOP_DATABENTO_INCLUDES  the directories of what these headers include
#   DBNLOOP_DATABENTO_LICENSE   the file with their licence
function(dbnloop_build_databento_types source version)
  dbnloop_find_databento_needs(missing)
  if(missing)
    message(FATAL_ERROR "databento-cpp's headers need the Debian packages ${missing}: install "
      "them, or configure with -DDBNLOOP_DATABENTO_CPP=OFF")
  endif()
  dbnloop_configure_databento("${source}" "${version}" generated)
  add_library(databento_types OBJECT
    ${source}/src/datetime.cpp ${source}/src/detail/json_helpers.cpp
    ${source}/src/enums.cpp ${source}/src/exceptions.cpp ${source}/src/flag_set.cpp
    ${source}/src/pretty.cpp ${source}/src/publishers.cpp ${source}/src/record.cpp
    ${source}/src/v1.cpp ${source}/src/v2.cpp)
  target_include_directories(databento_types PRIVATE ${source}/src)
  target_link_libraries(databento_types PRIVATE dbnloop_records OpenSSL::SSL)

  get_target_property(json nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(dbnloop_records SYSTEM INTERFACE
    $<BUILD_INTERFACE:${source}/include> $<BUILD_INTERFACE:${generated}>
    $<BUILD_INTERFACE:${DBNLOOP_HTTPLIB_INCLUDE}> $<BUILD_INTERFACE:${DBNLOOP_DATE_INCLUDE}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/dbnloop/vendor>)
  target_link_libraries(dbnloop_records INTERFACE nlohmann_json::nlohmann_json)
  set(DBNLOOP_DATABENTO_OBJECTS $<TARGET_OBJECTS:databento_types> PARENT_SCOPE)
  set(DBNLOOP_DATABENTO_HEADERS "${source}/include" "${generated}" PARENT_SCOPE)
  set(DBNLOOP_DATABENTO_INCLUDES
      ${DBNLOOP_HTTPLIB_INCLUDE} ${DBNLOOP_DATE_INCLUDE} ${json} PARENT_SCOPE)
  set(DBNLOOP_DATABENTO_LICENSE "${source}/LICENSE" PARENT_SCOPE)
endfunction()

# The types of a target databento::databento: who links the library links that too.
#   DBNLOOP_DATABENTO_LIBRARY   its file
#   DBNLOOP_DATABENTO_INCLUDES  the directories of its headers and of what they include
function(dbnloop_link_databento)
  target_link_libraries(dbnloop_records INTERFACE databento::databento)
  set(DBNLOOP_DATABENTO_LIBRARY $<TARGET_FILE:databento::databento> PARENT_SCOPE)
  set(DBNLOOP_DATABENTO_INCLUDES
      $<TARGET_PROPERTY:databento::databento,INTERFACE_INCLUDE_DIRECTORIES> PARENT_SCOPE)
endfunction()

# Adds the library databento_clients: all of databento-cpp from sources, for what measures it
# or compares with it; without its HTTP, which needs a newer cpp-httplib than Debian's, unless
# WITH_HTTP is given.
function(dbnloop_build_databento_clients source)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITH_HTTP" "" "")
  dbnloop_check_databento_source("${source}" version wrong)
  if(wrong)
    message(FATAL_ERROR "${source} ${wrong}")
  endif()
  dbnloop_configure_databento("${source}" "${version}" generated)
  file(GLOB_RECURSE sources "${source}/src/*.cpp")
  if(NOT arg_WITH_HTTP)
    list(FILTER sources EXCLUDE REGEX "/(http_client|http_stream_reader|historical)\\.cpp$")
  endif()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(DBNLOOP_ZSTD REQUIRED IMPORTED_TARGET libzstd)
  add_library(databento_clients STATIC EXCLUDE_FROM_ALL ${sources})
  target_include_directories(databento_clients SYSTEM PUBLIC
    "${source}/include" "${generated}" ${DBNLOOP_HTTPLIB_INCLUDE} ${DBNLOOP_DATE_INCLUDE})
  target_include_directories(databento_clients SYSTEM PRIVATE "${source}/src")
  target_link_libraries(databento_clients PUBLIC nlohmann_json::nlohmann_json OpenSSL::SSL
                                                 OpenSSL::Crypto PkgConfig::DBNLOOP_ZSTD)
endfunction()
