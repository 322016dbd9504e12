# Install rules: the libraries, the headers, what pkg-config reads and the CMake package.
include(CMakePackageConfigHelpers)

set(libraries dbnloop)
if(DBNLOOP_BUILD_SHARED)
  list(APPEND libraries dbnloop_shared)
endif()
install(TARGETS ${libraries} dbnloop_records EXPORT dbnloopTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY cpp/include/dbnloop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY capi/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "src" EXCLUDE)

# databento-cpp's headers, where its types are part of the library. A directory of their own:
# beside an installed databento-cpp they must not overwrite its headers.
foreach(headers IN LISTS DBNLOOP_DATABENTO_HEADERS)
  install(DIRECTORY "${headers}/databento"
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dbnloop/vendor FILES_MATCHING PATTERN "*.hpp")
endforeach()
if(DBNLOOP_DATABENTO_LICENSE)
  install(FILES "${DBNLOOP_DATABENTO_LICENSE}"
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dbnloop/vendor/databento)
endif()

install(EXPORT dbnloopTargets NAMESPACE dbnloop::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dbnloop)
# Only an installation with databento-cpp's headers looks for what they include. The build tree may
# have looked, too, before it decided otherwise, which must not change the package.
set(httplib_hint "")
set(date_hint "")
if(DBNLOOP_DATABENTO_DECISION MATCHES "^(given|fetched)$")
  set(httplib_hint "${DBNLOOP_HTTPLIB_INCLUDE}")
  set(date_hint "${DBNLOOP_DATE_INCLUDE}")
endif()
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/dbnloopConfig.cmake.in
  ${PROJECT_BINARY_DIR}/dbnloopConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dbnloop)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dbnloopConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dbnloopConfig.cmake
              ${PROJECT_BINARY_DIR}/dbnloopConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dbnloop)

# For pkg-config, as for CMake: dbnloop is the static library with both APIs, dbnloop-shared the
# shared one with the C API. Neither asks for --static.
#
# The prefix is found from the file's own place, so that a moved tree still works.
file(RELATIVE_PATH DBNLOOP_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" DBNLOOP_PC_TO_PREFIX "${DBNLOOP_PC_TO_PREFIX}")
set(cflags "")
set(libs "\${libdir}/libdbnloop.a")
if(DBNLOOP_USE_DATABENTO)
  string(APPEND cflags " -DDBNLOOP_HAS_DATABENTO_CPP=1")
  if(DBNLOOP_DATABENTO_HEADERS)
    string(APPEND cflags " -I\${includedir}/dbnloop/vendor")
  endif()
  set(directories "$<FILTER:$<REMOVE_DUPLICATES:${DBNLOOP_DATABENTO_INCLUDES}>,EXCLUDE,^/usr/include/?$>")
  string(APPEND cflags " $<$<BOOL:${directories}>:-I>$<JOIN:${directories}, -I>")
  if(DBNLOOP_DATABENTO_LIBRARY)
    string(APPEND libs " ${DBNLOOP_DATABENTO_LIBRARY}")
  endif()
endif()
string(APPEND libs " -lstdc++ -lm -pthread")

function(dbnloop_install_pc name title requires libs cflags)
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/dbnloop.pc.in
                 ${PROJECT_BINARY_DIR}/${name}.pc.gen @ONLY)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/${name}.pc
       INPUT ${PROJECT_BINARY_DIR}/${name}.pc.gen TARGET dbnloop)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
dbnloop_install_pc(dbnloop "C++ and C" "libssl libcrypto libzstd libcares" "${libs}" "${cflags}")
if(DBNLOOP_BUILD_SHARED)
  dbnloop_install_pc(dbnloop-shared "C, shared library" "" "-L\${libdir} -ldbnloop" "")
endif()
