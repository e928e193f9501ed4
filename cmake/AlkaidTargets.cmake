# How the rooms of the source tree become targets. See alkaid_room below for the form of a list.
include_guard(GLOBAL)
include(GoogleTest)

# The include root as users spell it: <alkaid/room/name.h>.
set(ALKAID_INCLUDE_ROOT "${PROJECT_SOURCE_DIR}/cpp")

# libalkaid.so: the rooms add their sources to it.
function(alkaid_library)
  add_library(alkaid SHARED)
  add_library(alkaid::alkaid ALIAS alkaid)
  set_target_properties(alkaid PROPERTIES
    VERSION "${PROJECT_VERSION}"
    SOVERSION "${PROJECT_VERSION_MAJOR}"
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/alkaid.map")
  target_compile_features(alkaid PUBLIC cxx_std_20)
  target_include_directories(alkaid PUBLIC
    "$<BUILD_INTERFACE:${ALKAID_INCLUDE_ROOT}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_compile_definitions(alkaid PRIVATE
    ALKAID_CMAKE_VERSION="${PROJECT_VERSION}"
    ALKAID_CMAKE_VERSION_MAJOR=${PROJECT_VERSION_MAJOR}
    ALKAID_CMAKE_VERSION_MINOR=${PROJECT_VERSION_MINOR}
    ALKAID_CMAKE_VERSION_PATCH=${PROJECT_VERSION_PATCH}
    ALKAID_HAVE_USDT=$<BOOL:${ALKAID_HAVE_USDT}>)
  if(NOT ALKAID_WITH_MEMORY_EVENTS)
    target_compile_definitions(alkaid PUBLIC ALKAID_WITHOUT_MEMORY_EVENTS)
  endif()
  target_link_libraries(alkaid
    PUBLIC absl::status absl::statusor absl::strings
    PRIVATE absl::demangle_internal Threads::Threads $<BUILD_INTERFACE:alkaid_allocators>
            $<BUILD_INTERFACE:alkaid_io_uring>)
  # Functions are looked up at load: a lookup at the first call takes kilobytes of the caller's stack, and
  # that may be a signal handler's.
  target_link_options(alkaid PRIVATE LINKER:-z,now
    "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/alkaid.map"
    # The allocators, and liburing, are ours alone: none of their names may reach another library.
    LINKER:--exclude-libs,ALL
    # Threads, exit handlers and fork handlers point into the library: it stays once loaded.
    LINKER:-z,nodelete)
  if(ALKAID_SANITIZE STREQUAL "")
    target_link_options(alkaid PRIVATE LINKER:--no-undefined)
  endif()
  # More than half of a source's time is reading these. That a source includes what it needs shows
  # where there is no precompiled header: in check_tidy.sh.
  if(ALKAID_PCH)
    target_precompile_headers(alkaid PRIVATE
      <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
      <algorithm> <array> <atomic> <cstdint> <cstring> <functional> <map> <memory> <mutex>
      <optional> <span> <string> <string_view> <type_traits> <utility> <vector>)
  endif()
endfunction()

# alkaid_unit_files(out folder unit...): what there is of each unit: <unit>.h or <unit>_internal.h,
# <unit>.cc, <unit>_test.cc. A unit of which there is nothing is an error.
function(alkaid_unit_files out folder)
  set(files)
  foreach(unit IN LISTS ARGN)
    set(found OFF)
    foreach(suffix IN ITEMS .h _internal.h .cc _test.cc)
      if(EXISTS "${folder}/${unit}${suffix}")
        list(APPEND files "${unit}${suffix}")
        set(found ON)
      endif()
    endforeach()
    if(NOT found)
      message(FATAL_ERROR "${folder}: there is no file of the unit '${unit}'")
    endif()
  endforeach()
  set(${out} ${files} PARENT_SCOPE)
endfunction()

# alkaid_list_files(file...): these files of the current folder have a place in the build. At the end
# of a folder that lists files, a source or header that stands in no list is an error.
function(alkaid_list_files)
  get_property(listed DIRECTORY PROPERTY ALKAID_LISTED_FILES)
  if(NOT listed)
    cmake_language(EVAL CODE "cmake_language(DEFER CALL alkaid_refuse_unlisted_files)")
  endif()
  set_property(DIRECTORY APPEND PROPERTY ALKAID_LISTED_FILES ${ARGN})
endfunction()

function(alkaid_refuse_unlisted_files)
  get_property(listed DIRECTORY PROPERTY ALKAID_LISTED_FILES)
  set(patterns *.h *.hpp *.inc *.c *.cc *.cpp *.cxx *.cu *.cuh)
  list(TRANSFORM patterns PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  file(GLOB there RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" CONFIGURE_DEPENDS ${patterns})
  list(REMOVE_ITEM there ${listed})
  if(there)
    list(JOIN there ", " there)
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: in no list of its CMakeLists.txt: ${there}")
  endif()
endfunction()

# alkaid_refuse_unlisted_folders(): a folder with sources below the current one that lists none is an
# error: nothing would build them. Called when all subfolders were added.
function(alkaid_refuse_unlisted_folders)
  file(GLOB_RECURSE files LIST_DIRECTORIES false "${CMAKE_CURRENT_SOURCE_DIR}/*.h"
       "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(folders)
  foreach(file IN LISTS files)
    cmake_path(GET file PARENT_PATH folder)
    list(APPEND folders "${folder}")
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder IN LISTS folders)
    set(listed)
    if(EXISTS "${folder}/CMakeLists.txt")
      get_property(listed DIRECTORY "${folder}" PROPERTY ALKAID_LISTED_FILES)
    endif()
    if(NOT listed)
      message(FATAL_ERROR "${folder}: no CMakeLists.txt lists its sources")
    endif()
  endforeach()
endfunction()

# Installs the headers of the room in the current folder, all but the internal ones.
function(alkaid_install_headers room)
  set(public ${ARGN})
  list(FILTER public INCLUDE REGEX "\\.h$")
  list(FILTER public EXCLUDE REGEX "_internal\\.h$")
  cmake_path(SET folder NORMALIZE "${CMAKE_INSTALL_INCLUDEDIR}/alkaid/${room}")
  install(FILES ${public} DESTINATION "${folder}" COMPONENT development)
endfunction()

# alkaid_room(core/pools
#   UNITS memory_pool ...        one name for foo.h (or foo_internal.h), foo.cc and foo_test.cc
#   WITHOUT jemalloc_backend ... units whose source this build leaves out; their tests say so
#   TESTS more_test.cc ...       test files that belong to no unit
#   PROCESS_TESTS fork ...       <name>_test.cc, a unit's or not, is a program of its own
#   PROCESS_TEST_PARTS fork_file_test.cc ...)  more sources of such a program, by whose name theirs begin
#
# Headers are installed under include/alkaid/<room>, those named *_internal.h excepted. Sources go
# into libalkaid.so. Tests make one program, alkaid_core_pools_test.
function(alkaid_room room)
  cmake_parse_arguments(arg "" "" "UNITS;WITHOUT;TESTS;PROCESS_TESTS;PROCESS_TEST_PARTS" ${ARGN})
  alkaid_refuse_unknown(alkaid_room "${arg_UNPARSED_ARGUMENTS}")
  alkaid_unit_files(files "${CMAKE_CURRENT_SOURCE_DIR}" ${arg_UNITS})
  alkaid_list_files(${files} ${arg_TESTS})
  set(tests ${files})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  foreach(name IN LISTS arg_PROCESS_TESTS)
    list(REMOVE_ITEM tests ${name}_test.cc)
    set(parts ${arg_PROCESS_TEST_PARTS})
    list(FILTER parts INCLUDE REGEX "^${name}_")
    list(REMOVE_ITEM arg_PROCESS_TEST_PARTS ${parts})
    alkaid_test_program(alkaid_${name}_test SOURCES ${name}_test.cc ${parts}
                        LINK alkaid_testing alkaid_fixtures)
  endforeach()
  alkaid_refuse_unknown("alkaid_room, PROCESS_TEST_PARTS" "${arg_PROCESS_TEST_PARTS}")
  list(FILTER files EXCLUDE REGEX "_test\\.cc$")
  alkaid_install_headers(${room} ${files})
  foreach(unit IN LISTS arg_WITHOUT)
    list(REMOVE_ITEM files ${unit}.cc)
  endforeach()
  list(TRANSFORM files PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  target_sources(alkaid PRIVATE ${files})
  list(APPEND tests ${arg_TESTS})
  if(tests)
    string(REPLACE "/" "_" name "${room}")
    alkaid_gtest_program(alkaid_${name}_test ${tests})
  endif()
endfunction()

# alkaid_testing_room(UNITS ...): like alkaid_room, but the sources make the static library
# alkaid::testing, with which users test pools of their own.
function(alkaid_testing_room)
  cmake_parse_arguments(arg "" "" "UNITS" ${ARGN})
  alkaid_refuse_unknown(alkaid_testing_room "${arg_UNPARSED_ARGUMENTS}")
  alkaid_unit_files(files "${CMAKE_CURRENT_SOURCE_DIR}" ${arg_UNITS})
  alkaid_list_files(${files})
  if(NOT ALKAID_BUILD_TESTING_LIBRARY)
    return()
  endif()
  set(tests ${files})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER files EXCLUDE REGEX "_test\\.cc$")
  add_library(alkaid_testing STATIC ${files})
  set_target_properties(alkaid_testing PROPERTIES
    POSITION_INDEPENDENT_CODE ON EXPORT_NAME testing)
  target_link_libraries(alkaid_testing PUBLIC alkaid GTest::gmock GTest::gtest)
  add_library(alkaid::testing ALIAS alkaid_testing)
  alkaid_install_headers(testing ${files})
  alkaid_gtest_program(alkaid_testing_test ${tests})
endfunction()

# alkaid_fixtures_room(UNITS ...): inputs and devices made for tests, fuzz targets and benchmarks, as
# the static library alkaid_fixtures. Never installed, and nothing of the library may use them.
function(alkaid_fixtures_room)
  cmake_parse_arguments(arg "" "" "UNITS" ${ARGN})
  alkaid_refuse_unknown(alkaid_fixtures_room "${arg_UNPARSED_ARGUMENTS}")
  alkaid_unit_files(files "${CMAKE_CURRENT_SOURCE_DIR}" ${arg_UNITS})
  alkaid_list_files(${files})
  add_library(alkaid_fixtures STATIC EXCLUDE_FROM_ALL ${files})
  target_link_libraries(alkaid_fixtures PUBLIC alkaid)
endfunction()

# alkaid_gtest_program(name a_test.cc ...): GoogleTest's main, one CTest entry for each test.
function(alkaid_gtest_program name)
  alkaid_list_files(${ARGN})
  if(NOT ALKAID_BUILD_TESTS)
    return()
  endif()
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE
    alkaid alkaid_fixtures GTest::gmock GTest::gtest GTest::gtest_main)
  if(TARGET alkaid_testing)
    target_link_libraries(${name} PRIVATE alkaid_testing)
  endif()
  alkaid_compile_tests_quickly(${name})
  if(ALKAID_PCH)
    target_precompile_headers(${name} REUSE_FROM alkaid_test_pch)
  endif()
  alkaid_add_gtests(${name})
endfunction()

# alkaid_test_program(name SOURCES a.cc ... [LINK target ...] [ARGS arg ...] [PLAIN])
#
# A test that needs a process of its own: passes when it exits 0, is skipped when it exits 77.
# It has its own main and links libalkaid.so, or with PLAIN only what LINK names. One that links
# alkaid_testing is left out where that is not built.
function(alkaid_test_program name)
  cmake_parse_arguments(arg "PLAIN" "" "SOURCES;LINK;ARGS" ${ARGN})
  alkaid_refuse_unknown(alkaid_test_program "${arg_UNPARSED_ARGUMENTS}")
  alkaid_list_files(${arg_SOURCES})
  if(NOT ALKAID_BUILD_TESTS OR ("alkaid_testing" IN_LIST arg_LINK AND NOT TARGET alkaid_testing))
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  if(NOT arg_PLAIN)
    target_link_libraries(${name} PRIVATE alkaid)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
  if(name IN_LIST ALKAID_FORKING_PROGRAMS)
    alkaid_tests_fork(${name})
  endif()
endfunction()

# Optimising the tests' own code takes a quarter of the time to compile them, under a sanitizer more, and
# they run once. The library keeps its optimisation.
function(alkaid_compile_tests_quickly name)
  if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(${name} PRIVATE -O0)
  endif()
endfunction()

# Owns the precompiled header that all GoogleTest programs share: compiled once, about 3 s saved for
# each test file. An executable and not an object library, because a precompiled header only serves
# compilations with the very same flags, -fPIE included.
function(alkaid_test_precompiled_header)
  file(WRITE "${PROJECT_BINARY_DIR}/alkaid_test_pch.cc" "int main() { return 0; }\n")
  add_executable(alkaid_test_pch "${PROJECT_BINARY_DIR}/alkaid_test_pch.cc")
  target_link_libraries(alkaid_test_pch PRIVATE alkaid GTest::gmock GTest::gtest GTest::gtest_main)
  alkaid_compile_tests_quickly(alkaid_test_pch)
  target_precompile_headers(alkaid_test_pch PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <absl/status/status.h> <absl/status/statusor.h>)
endfunction()

# alkaid_command_room(subject UNITS ... [TESTS ...]): a part of the program bin/alkaid. The units' tests
# and TESTS, which hold what the tests need beside them too, go into alkaid_tools_test.
function(alkaid_command_room subject)
  cmake_parse_arguments(arg "" "" "UNITS;TESTS" ${ARGN})
  alkaid_refuse_unknown(alkaid_command_room "${arg_UNPARSED_ARGUMENTS}")
  alkaid_unit_files(files "${CMAKE_CURRENT_SOURCE_DIR}" ${arg_UNITS})
  alkaid_list_files(${files} ${arg_TESTS})
  set(tests ${files})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER files EXCLUDE REGEX "_test\\.cc$")
  list(APPEND tests ${arg_TESTS})
  list(TRANSFORM files PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(TRANSFORM tests PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  target_sources(alkaid_command_parts PRIVATE ${files})
  if(ALKAID_BUILD_TESTS)
    target_sources(alkaid_tools_test PRIVATE ${tests})
  endif()
endfunction()

# alkaid_unity(target): its files are compiled together, 24 at a time: in two pieces, as things are.
function(alkaid_unity target)
  if(ALKAID_UNITY_COMMAND)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 24)
  endif()
endfunction()

# alkaid_benchmark(name SOURCES a.cc ... [LINK target ...]): a Google Benchmark program, bin/<name>.
function(alkaid_benchmark name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  alkaid_refuse_unknown(alkaid_benchmark "${arg_UNPARSED_ARGUMENTS}")
  alkaid_list_files(${arg_SOURCES})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE alkaid benchmark::benchmark ${arg_LINK})
endfunction()

# alkaid_fuzzer(name a.cc ...): a libFuzzer target, bin/<name>. What is in it is watched as the
# library is (AlkaidSanitizers).
function(alkaid_fuzzer name)
  alkaid_list_files(${ARGN})
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE alkaid)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

function(alkaid_refuse_unknown caller unknown)
  if(unknown)
    message(FATAL_ERROR "${caller}: not understood: ${unknown}")
  endif()
endfunction()
