# What `cmake --install` puts where. Headers are installed by their rooms (AlkaidTargets).
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/alkaid")

install(TARGETS alkaid EXPORT alkaid-targets
        LIBRARY COMPONENT runtime NAMELINK_COMPONENT development)
install(EXPORT alkaid-targets NAMESPACE alkaid:: DESTINATION "${package}" COMPONENT development)

# alkaid::testing has an export of its own: who does not ask for it needs no GoogleTest.
if(ALKAID_BUILD_TESTING_LIBRARY)
  install(TARGETS alkaid_testing EXPORT alkaid-testing-targets ARCHIVE COMPONENT development)
  install(EXPORT alkaid-testing-targets NAMESPACE alkaid:: DESTINATION "${package}"
          COMPONENT development)
endif()

configure_package_config_file(cmake/alkaid-config.cmake.in
  "${PROJECT_BINARY_DIR}/alkaid-config.cmake" INSTALL_DESTINATION "${package}"
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break programs.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/alkaid-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/alkaid-config.cmake"
              "${PROJECT_BINARY_DIR}/alkaid-config-version.cmake"
        DESTINATION "${package}" COMPONENT development)

# The prefix is found from the file's own place: an installed tree can be moved.
file(RELATIVE_PATH ALKAID_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/alkaid.pc.in "${PROJECT_BINARY_DIR}/alkaid.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/alkaid.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
        COMPONENT development)

# What is installed carries no debug information; the component `debug` has it, in .debug/ beside each
# file, where gdb, perf and the command find it. The library keeps its symbol table: probes on the
# allocators' functions and names of its own functions in reports come from there.
#
# alkaid_split_debug(target folder flag): below the prefix, `folder`; `flag` is objcopy's.
function(alkaid_split_debug target folder flag)
  string(CONCAT files "\"${CMAKE_OBJCOPY}\" \"$<TARGET_FILE_DIR:${target}>\" "
    "\"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}\" \"${PROJECT_BINARY_DIR}/debug\" "
    "\"$<TARGET_FILE_NAME:${target}>\"")
  set(script "include(\"${PROJECT_SOURCE_DIR}/cmake/split_debug.cmake\")\n")
  install(CODE "${script}alkaid_strip_installed(${files} ${flag})" COMPONENT runtime)
  install(CODE "${script}alkaid_install_debug_file(${files})" COMPONENT debug EXCLUDE_FROM_ALL)
endfunction()
if(ALKAID_INSTALL_STRIPPED AND CMAKE_OBJCOPY)
  alkaid_split_debug(alkaid "${CMAKE_INSTALL_LIBDIR}" --strip-debug)
  if(TARGET alkaid_malloc)
    alkaid_split_debug(alkaid_malloc "${CMAKE_INSTALL_LIBDIR}/alkaid" --strip-all)
  endif()
  if(TARGET alkaid_command)
    alkaid_split_debug(alkaid_command "${CMAKE_INSTALL_BINDIR}" --strip-all)
  endif()
endif()

# The programs of the pages, as somebody would build them who has only what is installed.
file(GLOB samples CONFIGURE_DEPENDS docs/samples/*.cc docs/samples/*.c docs/samples/*.h
     docs/samples/*.py)
install(FILES ${samples} docs/samples/CMakeLists.txt docs/samples/Makefile
        DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples" COMPONENT development)

# What is inside the library asks that its licence is passed on with it, in a wheel of the Python
# module too.
function(alkaid_install_licence file name)
  install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME "${name}" COMPONENT runtime)
  install(FILES "${file}" DESTINATION alkaid/licences RENAME "${name}"
          COMPONENT python EXCLUDE_FROM_ALL)
endfunction()
alkaid_install_licence(LICENSE LICENSE)
if(ALKAID_WITH_JEMALLOC)
  alkaid_install_licence("${ALKAID_JEMALLOC_FOLDER}/src/COPYING" LICENSE.jemalloc)
endif()
if(ALKAID_WITH_MIMALLOC)
  alkaid_install_licence("${ALKAID_MIMALLOC_FOLDER}/src/LICENSE" LICENSE.mimalloc)
endif()
# Debian's package has it beside its other documents; a liburing from elsewhere is its owner's to
# document.
set(liburing_licence /usr/share/doc/liburing-dev/copyright)
if(ALKAID_HAVE_IO_URING AND EXISTS "${liburing_licence}")
  alkaid_install_licence("${liburing_licence}" LICENSE.liburing)
endif()
