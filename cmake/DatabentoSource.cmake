# Where databento-cpp's sources come from.
#
#   FETCHCONTENT_SOURCE_DIR_DATABENTO  a directory that holds them
#   FETCHCONTENT_BASE_DIR              where they are fetched to; build trees may share it
#   FETCHCONTENT_FULLY_DISCONNECTED    use what was fetched earlier, and never ask the network
#   DBNLOOP_DATABENTO_COMMIT           fetch another commit than the pinned one
include(FetchContent)

# Release 0.65.0, and the series whose types are known to fit.
set(DBNLOOP_DATABENTO_URL https://github.com/databento/databento-cpp.git)
set(DBNLOOP_DATABENTO_PIN 621015e7d73629d3be7835e03f35521c5c779333)
set(DBNLOOP_DATABENTO_SERIES 0.65)
set(DBNLOOP_DATABENTO_COMMIT "" CACHE STRING
  "The commit of databento-cpp to fetch, where it is not the pinned one")
if(DBNLOOP_DATABENTO_COMMIT)
  set(DBNLOOP_DATABENTO_PIN "${DBNLOOP_DATABENTO_COMMIT}")
endif()
mark_as_advanced(DBNLOOP_DATABENTO_COMMIT)

# Reads the version of the sources in a directory; sets `wrong` to what is wrong with them, or
# to nothing.
function(dbnloop_check_databento_source source version wrong)
  set(${version} "" PARENT_SCOPE)
  set(${wrong} "does not hold databento-cpp" PARENT_SCOPE)
  if(NOT EXISTS "${source}/include/databento/record.hpp" OR NOT EXISTS "${source}/CMakeLists.txt")
    return()
  endif()
  file(READ "${source}/CMakeLists.txt" text)
  if(NOT text MATCHES "project\\([^)]*VERSION[ \t\r\n]+([0-9]+\\.[0-9]+)(\\.[0-9]+)?")
    return()
  endif()
  set(${version} "${CMAKE_MATCH_1}${CMAKE_MATCH_2}" PARENT_SCOPE)
  set(${wrong} "" PARENT_SCOPE)
  if(NOT CMAKE_MATCH_1 STREQUAL DBNLOOP_DATABENTO_SERIES)
    set(${wrong} "holds databento-cpp ${CMAKE_MATCH_1}${CMAKE_MATCH_2}, and \
${DBNLOOP_DATABENTO_SERIES} is needed" PARENT_SCOPE)
  endif()
endfunction()

# Runs git for the one question that decides whether a fetch is tried: whether the host
# answers. It asks the server that the clone would ask, in the way that the clone would, with
# the same proxies and authorities. Sets `why` to why it does not, or to nothing.
function(dbnloop_probe_databento why)
  find_package(Git QUIET)
  if(NOT GIT_FOUND)
    set(${why} "git, which would fetch it, is not installed" PARENT_SCOPE)
    return()
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env GIT_TERMINAL_PROMPT=0
            "${GIT_EXECUTABLE}" ls-remote ${DBNLOOP_DATABENTO_URL} HEAD
    TIMEOUT 5 RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE text)
  set(${why} "" PARENT_SCOPE)
  if(NOT status EQUAL 0)
    string(REGEX MATCH "fatal: [^\r\n]*" text "${text}")
    if(NOT text)
      set(text "${status}") # "Process terminated due to timeout"
    endif()
    set(${why} "databento-cpp's host did not answer: ${text}" PARENT_SCOPE)
  endif()
endfunction()

# Sets `source` to the directory of the sources at the pinned commit, or to nothing, and `why`
# to how they came, or why they did not. Sources that were fetched earlier are taken as they
# are; the network is asked for others only when `ask` is true.
#
# A fetch that fails would end the configure: it runs in a process of its own.
function(dbnloop_fetch_databento_source ask source why)
  set(${source} "" PARENT_SCOPE)
  set(directory "${FETCHCONTENT_BASE_DIR}/databento-src")
  set(${why} "fetched at ${DBNLOOP_DATABENTO_PIN}" PARENT_SCOPE)
  dbnloop_databento_is_fetched("${directory}" fetched)
  if(NOT fetched)
    if(NOT ask OR FETCHCONTENT_FULLY_DISCONNECTED)
      set(${why} "databento-cpp was not fetched, and the network is not asked" PARENT_SCOPE)
      return()
    endif()
    dbnloop_probe_databento(unreachable)
    if(unreachable)
      set(${why} "${unreachable}" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "dbnloop: fetching databento-cpp from ${DBNLOOP_DATABENTO_URL}")
    execute_process(
      COMMAND ${CMAKE_COMMAND} -E env GIT_TERMINAL_PROMPT=0
              GIT_HTTP_LOW_SPEED_LIMIT=1000 GIT_HTTP_LOW_SPEED_TIME=10
              ${CMAKE_COMMAND} "-DURL=${DBNLOOP_DATABENTO_URL}" "-DCOMMIT=${DBNLOOP_DATABENTO_PIN}"
              "-DBASE=${FETCHCONTENT_BASE_DIR}" "-DCMAKE_GENERATOR=${CMAKE_GENERATOR}"
              "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}"
              -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FetchDatabento.cmake"
      RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
    file(WRITE "${FETCHCONTENT_BASE_DIR}/databento-fetch.log" "${text}")
    dbnloop_databento_is_fetched("${directory}" fetched)
    if(NOT status EQUAL 0 OR NOT fetched)
      string(REGEX MATCH "(fatal|error): [^\r\n]*" text "${text}")
      if(NOT text)
        set(text "${status}")
      endif()
      set(${why} "fetching databento-cpp failed: ${text} (${FETCHCONTENT_BASE_DIR}/databento-fetch.log)"
        PARENT_SCOPE)
      return()
    endif()
  endif()
  dbnloop_check_databento_source("${directory}" version wrong)
  if(wrong)
    set(${why} "${directory} ${wrong}" PARENT_SCOPE)
    return()
  endif()
  set(${source} "${directory}" PARENT_SCOPE)
endfunction()

# Whether the sources at the pinned commit are there, all of them.
function(dbnloop_databento_is_fetched directory fetched)
  set(commit "")
  if(EXISTS "${directory}/.fetched")
    file(READ "${directory}/.fetched" commit)
  endif()
  if(commit STREQUAL DBNLOOP_DATABENTO_PIN)
    set(${fetched} ON PARENT_SCOPE)
  else()
    set(${fetched} OFF PARENT_SCOPE)
  endif()
endfunction()

# Sets `source` to a directory with the sources, given or fetched, or to nothing, and `why`
# to how they came, or why they did not.
function(dbnloop_find_databento_source source why)
  set(${source} "" PARENT_SCOPE)
  if(FETCHCONTENT_SOURCE_DIR_DATABENTO)
    dbnloop_check_databento_source("${FETCHCONTENT_SOURCE_DIR_DATABENTO}" version wrong)
    if(wrong)
      message(FATAL_ERROR "FETCHCONTENT_SOURCE_DIR_DATABENTO is "
        "${FETCHCONTENT_SOURCE_DIR_DATABENTO}, which ${wrong}")
    endif()
    set(${source} "${FETCHCONTENT_SOURCE_DIR_DATABENTO}" PARENT_SCOPE)
    set(${why} "in ${FETCHCONTENT_SOURCE_DIR_DATABENTO}" PARENT_SCOPE)
    return()
  endif()
  dbnloop_fetch_databento_source(ON found reason)
  set(${source} "${found}" PARENT_SCOPE)
  set(${why} "${reason}" PARENT_SCOPE)
endfunction()
