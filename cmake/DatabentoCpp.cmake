# databento-cpp's record types, on request: with them dbnloop::MboMsg *is*
# databento::MboMsg; without them dbnloop's generated types of the same layout and names
# stand in. Only the types are built (records, enums), not its clients.
#
#   DBNLOOP_DATABENTO_CPP=AUTO  an installed package, then FETCHCONTENT_SOURCE_DIR_DATABENTO,
#                               then FetchContent when GitHub answers in seconds, else ours
#   DBNLOOP_DATABENTO_CPP=ON    as AUTO, but failing where none can be had
#   DBNLOOP_DATABENTO_CPP=OFF   ours
#
# Defines the target dbnloop_records (INTERFACE) that the library links publicly.
set(DBNLOOP_DATABENTO_CPP AUTO CACHE STRING "Use databento-cpp's record types: AUTO, ON, OFF")
set_property(CACHE DBNLOOP_DATABENTO_CPP PROPERTY STRINGS AUTO ON OFF)
# Release 0.65.0.
set(DBNLOOP_DATABENTO_COMMIT 621015e7d73629d3be7835e03f35521c5c779333)
set(DBNLOOP_DATABENTO_VERSION 0.65.0)

add_library(dbnloop_records INTERFACE)

# Sets `found` to the source folder, or to nothing, and `why` to how it came.
function(dbnloop_find_databento_source found why)
  set(${found} "" PARENT_SCOPE)
  if(FETCHCONTENT_SOURCE_DIR_DATABENTO)
    if(NOT EXISTS "${FETCHCONTENT_SOURCE_DIR_DATABENTO}/include/databento/record.hpp")
      message(FATAL_ERROR "FETCHCONTENT_SOURCE_DIR_DATABENTO is "
        "${FETCHCONTENT_SOURCE_DIR_DATABENTO}, which holds no databento-cpp")
    endif()
    set(${found} "${FETCHCONTENT_SOURCE_DIR_DATABENTO}" PARENT_SCOPE)
    set(${why} "sources given by FETCHCONTENT_SOURCE_DIR_DATABENTO" PARENT_SCOPE)
    return()
  endif()
  # A fetch that cannot reach its host ends the whole configure: ask first, briefly.
  set(probe "${CMAKE_CURRENT_BINARY_DIR}/databento-probe")
  file(DOWNLOAD https://github.com/databento/databento-cpp/raw/${DBNLOOP_DATABENTO_COMMIT}/LICENSE
       "${probe}" TIMEOUT 5 STATUS status)
  list(GET status 0 code)
  file(REMOVE "${probe}")
  if(NOT code EQUAL 0)
    list(GET status 1 text)
    set(${why} "GitHub cannot be reached (${text})" PARENT_SCOPE)
    return()
  endif()
  include(FetchContent)
  # A SOURCE_SUBDIR that does not exist: populate, but run none of its CMake, which would
  # fetch and build its clients.
  FetchContent_Declare(databento
    GIT_REPOSITORY https://github.com/databento/databento-cpp.git
    GIT_TAG ${DBNLOOP_DATABENTO_COMMIT}
    GIT_SHALLOW FALSE
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(databento)
  if(NOT EXISTS "${databento_SOURCE_DIR}/include/databento/record.hpp")
    set(${why} "FetchContent populated nothing" PARENT_SCOPE)
    return()
  endif()
  set(${found} "${databento_SOURCE_DIR}" PARENT_SCOPE)
  set(${why} "fetched at ${DBNLOOP_DATABENTO_COMMIT}" PARENT_SCOPE)
endfunction()

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

# Writes the headers that databento-cpp's own CMake would; sets `generated` to their folder.
function(dbnloop_configure_databento source generated)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/databento/include")
  set(PROJECT_NAME databento)
  set(PROJECT_VERSION ${DBNLOOP_DATABENTO_VERSION})
  configure_file("${source}/cmake/version.hpp.in" "${folder}/databento/version.hpp" @ONLY)
  configure_file("${source}/cmake/system.hpp.in" "${folder}/databento/system.hpp" @ONLY)
  set(${generated} "${folder}" PARENT_SCOPE)
endfunction()

# Builds the types alone from a source folder.
function(dbnloop_build_databento_types source)
  find_package(nlohmann_json 3 REQUIRED)
  dbnloop_configure_databento("${source}" generated)
  add_library(databento_types STATIC
    ${source}/src/datetime.cpp ${source}/src/detail/json_helpers.cpp
    ${source}/src/enums.cpp ${source}/src/exceptions.cpp ${source}/src/flag_set.cpp
    ${source}/src/pretty.cpp ${source}/src/publishers.cpp ${source}/src/record.cpp
    ${source}/src/v1.cpp ${source}/src/v2.cpp)
  target_include_directories(databento_types SYSTEM PUBLIC
    $<BUILD_INTERFACE:${source}/include> $<BUILD_INTERFACE:${generated}>
    ${DBNLOOP_HTTPLIB_INCLUDE} ${DBNLOOP_DATE_INCLUDE})
  target_include_directories(databento_types PRIVATE ${source}/src)
  target_link_libraries(databento_types PUBLIC nlohmann_json::nlohmann_json OpenSSL::SSL)
  target_link_libraries(dbnloop_records INTERFACE databento_types)
  set(DBNLOOP_DATABENTO_TARGETS databento_types PARENT_SCOPE)
endfunction()

# Adds the library databento_clients: all of databento-cpp from a source folder, for what
# measures it or compares with it; without its HTTP, which needs a newer cpp-httplib than
# Debian's, unless WITH_HTTP is given.
function(dbnloop_build_databento_clients source)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITH_HTTP" "" "")
  dbnloop_configure_databento("${source}" generated)
  file(GLOB_RECURSE sources "${source}/src/*.cpp")
  if(NOT arg_WITH_HTTP)
    list(FILTER sources EXCLUDE REGEX "/(http_client|http_stream_reader|historical)\\.cpp$")
  endif()
  add_library(databento_clients STATIC EXCLUDE_FROM_ALL ${sources})
  target_include_directories(databento_clients SYSTEM PUBLIC
    "${source}/include" "${generated}" ${DBNLOOP_HTTPLIB_INCLUDE} ${DBNLOOP_DATE_INCLUDE})
  target_include_directories(databento_clients SYSTEM PRIVATE "${source}/src")
  target_link_libraries(databento_clients PUBLIC nlohmann_json::nlohmann_json OpenSSL::SSL
                                                 OpenSSL::Crypto PkgConfig::ZSTD)
endfunction()

set(DBNLOOP_USE_DATABENTO OFF)
set(DBNLOOP_DATABENTO_TARGETS "")
if(DBNLOOP_DATABENTO_CPP STREQUAL "OFF")
  set(reason "DBNLOOP_DATABENTO_CPP=OFF")
elseif(NOT DBNLOOP_DATABENTO_CPP MATCHES "^(AUTO|ON)$")
  message(FATAL_ERROR "DBNLOOP_DATABENTO_CPP is '${DBNLOOP_DATABENTO_CPP}': AUTO, ON or OFF")
else()
  find_package(databento QUIET)
  if(databento_FOUND)
    set(DBNLOOP_USE_DATABENTO ON)
    set(reason "installed package ${databento_VERSION}")
    target_link_libraries(dbnloop_records INTERFACE databento::databento)
  else()
    set(source "")
    dbnloop_find_databento_needs(missing)
    if(missing)
      set(reason "its headers need the Debian packages ${missing}")
    else()
      dbnloop_find_databento_source(source reason)
    endif()
    if(source)
      set(DBNLOOP_USE_DATABENTO ON)
      dbnloop_build_databento_types("${source}")
    elseif(DBNLOOP_DATABENTO_CPP STREQUAL "ON")
      message(FATAL_ERROR "DBNLOOP_DATABENTO_CPP=ON, but databento-cpp cannot be had: "
        "${reason}. Without network set FETCHCONTENT_SOURCE_DIR_DATABENTO to a copy of "
        "github.com/databento/databento-cpp at ${DBNLOOP_DATABENTO_COMMIT}.")
    endif()
  endif()
endif()

if(DBNLOOP_USE_DATABENTO)
  target_compile_definitions(dbnloop_records INTERFACE DBNLOOP_HAS_DATABENTO_CPP=1)
  message(STATUS "dbnloop: record types of databento-cpp ${DBNLOOP_DATABENTO_VERSION} (${reason})")
else()
  message(STATUS "dbnloop: record types of its own (${reason})")
endif()
