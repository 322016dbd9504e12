# Install rules: library, headers, dbnloop.pc and the CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS dbnloop dbnloop_records ${DBNLOOP_DATABENTO_TARGETS} EXPORT dbnloopTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY cpp/include/dbnloop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(FILES capi/dbnloop.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

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
configure_file(${CMAKE_CURRENT_LIST_DIR}/dbnloop.pc.in
               ${PROJECT_BINARY_DIR}/dbnloop.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/dbnloop.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
