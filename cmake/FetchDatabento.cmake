# Fetches databento-cpp's sources, as a script: cmake -DURL= -DCOMMIT= -DBASE= -P this.
# Called by DatabentoSource.cmake. Build trees that share a BASE may call it at the same time.
include(FetchContent)
set(source "${BASE}/databento-src")
file(MAKE_DIRECTORY "${BASE}")
file(LOCK "${BASE}/databento.lock" GUARD PROCESS TIMEOUT 600)
if(EXISTS "${source}/.fetched")
  file(READ "${source}/.fetched" commit)
  if(commit STREQUAL COMMIT)
    return()
  endif()
endif()
# What an earlier fetch left, whole or in parts, is none of this one's.
file(REMOVE_RECURSE "${source}" "${BASE}/databento-subbuild")
FetchContent_Populate(databento
  GIT_REPOSITORY "${URL}"
  GIT_TAG "${COMMIT}"
  SOURCE_DIR "${source}"
  BINARY_DIR "${BASE}/databento-build"
  SUBBUILD_DIR "${BASE}/databento-subbuild")
# Written last: sources without it are a fetch that did not end.
file(WRITE "${source}/.fetched" "${COMMIT}")
