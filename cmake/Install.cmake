# Install rules: library, headers, dbnloop.pc and the CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS dbnloop dbnloop_records EXPORT dbnloopTargets
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
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/dbnloopConfig.cmake.in
  ${PROJECT_BINARY_DIR}/dbnloopConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dbnloop)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dbnloopConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dbnloopConfig.cmake
              ${PROJECT_BINARY_DIR}/dbnloopConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/dbnloop)

# The prefix is found from the file's own place, so that a moved tree still works.
file(RELATIVE_PATH DBNLOOP_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" DBNLOOP_PC_TO_PREFIX "${DBNLOOP_PC_TO_PREFIX}")
set(DBNLOOP_PC_CFLAGS "")
set(DBNLOOP_PC_LIBS "")
if(DBNLOOP_USE_DATABENTO)
  string(APPEND DBNLOOP_PC_CFLAGS " -DDBNLOOP_HAS_DATABENTO_CPP=1")
  if(DBNLOOP_DATABENTO_HEADERS)
    string(APPEND DBNLOOP_PC_CFLAGS " -I\${includedir}/dbnloop/vendor")
  endif()
  set(directories "$<FILTER:$<REMOVE_DUPLICATES:${DBNLOOP_DATABENTO_INCLUDES}>,EXCLUDE,^/usr/include/?$>")
  string(APPEND DBNLOOP_PC_CFLAGS " $<$<BOOL:${directories}>:-I>$<JOIN:${directories}, -I>")
  if(DBNLOOP_DATABENTO_LIBRARY)
    string(APPEND DBNLOOP_PC_LIBS " ${DBNLOOP_DATABENTO_LIBRARY}")
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/dbnloop.pc.in
               ${PROJECT_BINARY_DIR}/dbnloop.pc.gen @ONLY)
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/dbnloop.pc
     INPUT ${PROJECT_BINARY_DIR}/dbnloop.pc.gen TARGET dbnloop)
install(FILES ${PROJECT_BINARY_DIR}/dbnloop.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
