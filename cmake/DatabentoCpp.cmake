# Whose record types the library has. With databento-cpp's, dbnloop::MboMsg *is*
# databento::MboMsg, so that a program mixes both libraries freely; without them dbnloop's
# generated types of the same layout and names stand in.
#
#   DBNLOOP_DATABENTO_CPP=AUTO  databento-cpp's, where they can be had, else ours (the default)
#   DBNLOOP_DATABENTO_CPP=ON    databento-cpp's; the configure fails where they cannot be had
#   DBNLOOP_DATABENTO_CPP=OFF   ours
#
# They are looked for in this order:
#   given    the directory FETCHCONTENT_SOURCE_DIR_DATABENTO
#   target   databento::databento of a surrounding project
#   package  an installed databento package of a fitting version
#   fetched  sources in FETCHCONTENT_BASE_DIR, fetched earlier or now, at the pinned commit
#   own      none of these
# A subproject asks the network only with ON.
#
# A build tree decides once, and keeps its decision in the cache: configuring again never
# changes the types of a tree, whether the network is there or not. Only what the decision
# depends on does: DBNLOOP_DATABENTO_CPP, a directory given, another commit.
#
# Sets DBNLOOP_USE_DATABENTO, and defines the target dbnloop_records (INTERFACE), which the
# library links publicly.
include(DatabentoSource)
include(DatabentoTypes)

set(DBNLOOP_DATABENTO_CPP AUTO CACHE STRING "Use databento-cpp's record types: AUTO, ON, OFF")
set_property(CACHE DBNLOOP_DATABENTO_CPP PROPERTY STRINGS AUTO ON OFF)
if(NOT DBNLOOP_DATABENTO_CPP MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "DBNLOOP_DATABENTO_CPP is '${DBNLOOP_DATABENTO_CPP}': AUTO, ON or OFF")
endif()

# Looks for an installed package; sets `version` to its version and `text` to where it is, or
# `version` to nothing and `text` to why one that was found is not taken.
function(dbnloop_find_databento_package version text)
  find_package(databento ${DBNLOOP_DATABENTO_SERIES} QUIET)
  set(${version} "${databento_VERSION}" PARENT_SCOPE)
  set(${text} "the installed package in ${databento_DIR}" PARENT_SCOPE)
  if(NOT databento_FOUND)
    set(${version} "" PARENT_SCOPE)
    set(${text} "" PARENT_SCOPE)
    if(databento_CONSIDERED_CONFIGS)
      list(GET databento_CONSIDERED_CONFIGS 0 config)
      list(GET databento_CONSIDERED_VERSIONS 0 found)
      set(why "${DBNLOOP_DATABENTO_SERIES} is needed")
      if(databento_NOT_FOUND_MESSAGE)
        set(why "${databento_NOT_FOUND_MESSAGE}")
      endif()
      set(${text} "the installed package ${found} is not used (${config}: ${why})" PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Decides; sets `decision` to one of the words above, and `reason` to why.
function(dbnloop_decide_databento decision reason)
  set(word own)
  if(DBNLOOP_DATABENTO_CPP STREQUAL "OFF")
    set(why "DBNLOOP_DATABENTO_CPP=OFF")
  elseif(FETCHCONTENT_SOURCE_DIR_DATABENTO)
    set(word given)
    set(why "in ${FETCHCONTENT_SOURCE_DIR_DATABENTO}")
  elseif(TARGET databento::databento)
    set(word target)
    set(why "the surrounding project's target databento::databento")
  else()
    dbnloop_find_databento_package(package why)
    if(package)
      set(word package)
    else()
      set(package_why "${why}")
      set(ask OFF)
      if(PROJECT_IS_TOP_LEVEL OR DBNLOOP_DATABENTO_CPP STREQUAL "ON")
        set(ask ON)
      endif()
      dbnloop_find_databento_needs(missing)
      if(missing)
        set(why "its headers need the Debian packages ${missing}")
      else()
        dbnloop_fetch_databento_source(${ask} source why)
        if(source)
          set(word fetched)
        endif()
      endif()
      if(package_why)
        string(PREPEND why "${package_why}; ")
      endif()
    endif()
  endif()
  if(word STREQUAL "own" AND DBNLOOP_DATABENTO_CPP STREQUAL "ON")
    message(FATAL_ERROR "DBNLOOP_DATABENTO_CPP=ON, but databento-cpp cannot be had: ${why}. "
      "Without network set FETCHCONTENT_SOURCE_DIR_DATABENTO to a copy of "
      "${DBNLOOP_DATABENTO_URL} at ${DBNLOOP_DATABENTO_PIN}.")
  endif()
  set(${decision} "${word}" PARENT_SCOPE)
  set(${reason} "${why}" PARENT_SCOPE)
endfunction()

# What a decision was made for: another of these, and the tree decides again.
set(asked "${DBNLOOP_DATABENTO_CPP}|${FETCHCONTENT_SOURCE_DIR_DATABENTO}|${DBNLOOP_DATABENTO_PIN}")
if(NOT DBNLOOP_DATABENTO_DECISION OR NOT "${DBNLOOP_DATABENTO_ASKED}" STREQUAL "${asked}")
  dbnloop_decide_databento(decision reason)
else()
  set(decision "${DBNLOOP_DATABENTO_DECISION}")
  set(reason "${DBNLOOP_DATABENTO_REASON}")
endif()

# Carries it out. What was decided for earlier and is gone ends the configure: going over to
# other types silently would make the tree's library another one.
function(dbnloop_databento_is_gone why)
  message(FATAL_ERROR "This build tree was configured for databento-cpp's record types "
    "(${reason}), which cannot be had any more: ${why}. Bring them back, or decide again with "
    "-DDBNLOOP_DATABENTO_CPP=OFF or cmake --fresh.")
endfunction()

add_library(dbnloop_records INTERFACE)
set(DBNLOOP_USE_DATABENTO ON)
set(version "")
if(decision STREQUAL "given")
  set(source "${FETCHCONTENT_SOURCE_DIR_DATABENTO}")
  dbnloop_check_databento_source("${source}" version wrong)
  if(wrong)
    message(FATAL_ERROR "FETCHCONTENT_SOURCE_DIR_DATABENTO is ${source}, which ${wrong}")
  endif()
  dbnloop_build_databento_types("${source}" ${version})
elseif(decision STREQUAL "fetched")
  dbnloop_fetch_databento_source(ON source why)
  if(NOT source)
    dbnloop_databento_is_gone("${why}")
  endif()
  dbnloop_check_databento_source("${source}" version wrong)
  dbnloop_build_databento_types("${source}" ${version})
elseif(decision STREQUAL "package")
  dbnloop_find_databento_package(version why)
  if(NOT version)
    dbnloop_databento_is_gone("it is not installed; ${why}")
  endif()
  dbnloop_link_databento()
elseif(decision STREQUAL "target")
  if(NOT TARGET databento::databento)
    dbnloop_databento_is_gone("there is no such target")
  endif()
  dbnloop_link_databento()
else()
  set(DBNLOOP_USE_DATABENTO OFF)
endif()
set(DBNLOOP_DATABENTO_DECISION "${decision}" CACHE INTERNAL "Where the record types come from")
set(DBNLOOP_DATABENTO_REASON "${reason}" CACHE INTERNAL "Why they come from there")
set(DBNLOOP_DATABENTO_ASKED "${asked}" CACHE INTERNAL "What that was decided for")

if(DBNLOOP_USE_DATABENTO)
  target_compile_definitions(dbnloop_records INTERFACE DBNLOOP_HAS_DATABENTO_CPP=1)
  string(STRIP "databento-cpp ${version}" version) # that of a target is not known
  message(STATUS "dbnloop: record types of ${version} (${reason})")
elseif(DBNLOOP_DATABENTO_CPP STREQUAL "OFF")
  message(STATUS "dbnloop: record types of its own (${reason})")
else()
  message(STATUS "dbnloop: record types of its own (${reason}). "
    "-DDBNLOOP_DATABENTO_CPP=ON looks for databento-cpp's again")
endif()
