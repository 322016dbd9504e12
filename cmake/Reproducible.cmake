# What ships does not depend on the directory that it was built in: paths in debug information
# and in __FILE__ begin at the top of the sources. A debugger that is started there finds them.
add_compile_options(
  "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-ffile-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}=.>"
  "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-ffile-prefix-map=${CMAKE_CURRENT_BINARY_DIR}=./build>")
