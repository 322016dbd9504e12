# http_response.cpp and llhttp as one object file in which llhttp's symbols are local. As
# globals of libdbnloop.a they would meet those of a program that links an llhttp of its own:
# the linker takes one of the two for both, silently, or refuses the program.
#
#   DBNLOOP_HTTP_SOURCE   the source that uses llhttp; nothing else may
#   DBNLOOP_HTTP_OBJECT   the object to link in its place
find_package(llhttp REQUIRED)

set(DBNLOOP_HTTP_SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/cpp/src/proto/http_response.cpp")
set(DBNLOOP_HTTP_OBJECT "${CMAKE_CURRENT_BINARY_DIR}/http_response_with_llhttp.o")

add_library(dbnloop_http OBJECT "${DBNLOOP_HTTP_SOURCE}")
target_include_directories(dbnloop_http PRIVATE cpp/include cpp/src)
target_include_directories(dbnloop_http SYSTEM PRIVATE ${llhttp_INCLUDE_DIRS})
# A partial link needs machine code: link-time optimisation leaves this one file out.
target_compile_options(dbnloop_http PRIVATE -fno-lto)
target_link_libraries(dbnloop_http PRIVATE dbnloop_records dbnloop_warnings)

add_custom_command(OUTPUT "${DBNLOOP_HTTP_OBJECT}"
  COMMAND ${CMAKE_CXX_COMPILER} -r -nostdlib -o "${DBNLOOP_HTTP_OBJECT}"
          $<TARGET_OBJECTS:dbnloop_http> ${llhttp_PARTS}
  COMMAND ${CMAKE_OBJCOPY} --wildcard "--localize-symbol=llhttp_*" "${DBNLOOP_HTTP_OBJECT}"
  DEPENDS $<TARGET_OBJECTS:dbnloop_http> ${llhttp_PARTS}
  COMMAND_EXPAND_LISTS VERBATIM)
# Two libraries link the object; one target makes it.
add_custom_target(dbnloop_http_object DEPENDS "${DBNLOOP_HTTP_OBJECT}")
