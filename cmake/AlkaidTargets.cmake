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
    PRIVATE Threads::Threads $<BUILD_INTERFACE:alkaid_allocators>
            $<BUILD_INTERFACE:alkaid_io_uring>)
  target_link_options(alkaid PRIVATE
    "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/alkaid.map"
    # The allocators, and liburing, are ours alone: none of their names may reach another library.
    LINKER:--exclude-libs,ALL
    # Threads, exit handlers and fork handlers point into the library: it stays once loaded.
    LINKER:-z,nodelete)
  if(ALKAID_SANITIZE STREQUAL "")
    target_link_options(alkaid PRIVATE LINKER:--no-undefined)
  endif()
endfunction()

# Installs the headers of the room in the current folder, all but the internal ones.
function(alkaid_install_headers room)
  set(public ${ARGN})
  list(FILTER public EXCLUDE REGEX "_internal\\.h$")
  install(FILES ${public} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/alkaid/${room}"
          COMPONENT development)
endfunction()

# alkaid_room(core HEADERS a.h ... SOURCES a.cc ... TESTS a_test.cc ...)
#
# Headers are installed under include/alkaid/<room>, those named *_internal.h excepted. Sources go
# into libalkaid.so. Tests make one program, alkaid_<room>_test.
function(alkaid_room room)
  cmake_parse_arguments(arg "" "" "HEADERS;SOURCES;TESTS" ${ARGN})
  alkaid_refuse_unknown(alkaid_room "${arg_UNPARSED_ARGUMENTS}")
  list(TRANSFORM arg_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(TRANSFORM arg_HEADERS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE headers)
  target_sources(alkaid PRIVATE ${arg_SOURCES} ${headers})
  alkaid_install_headers(${room} ${arg_HEADERS})
  if(ALKAID_BUILD_TESTS AND arg_TESTS)
    alkaid_gtest_program(alkaid_${room}_test ${arg_TESTS})
  endif()
endfunction()

# alkaid_testing_room(HEADERS ... SOURCES ... TESTS ...): like alkaid_room, but the sources make the
# static library alkaid::testing, with which users test pools of their own.
function(alkaid_testing_room)
  cmake_parse_arguments(arg "" "" "HEADERS;SOURCES;TESTS" ${ARGN})
  alkaid_refuse_unknown(alkaid_testing_room "${arg_UNPARSED_ARGUMENTS}")
  if(NOT ALKAID_BUILD_TESTING_LIBRARY)
    return()
  endif()
  if(arg_SOURCES)
    add_library(alkaid_testing STATIC ${arg_SOURCES} ${arg_HEADERS})
    set_target_properties(alkaid_testing PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(alkaid_testing PUBLIC alkaid GTest::gmock GTest::gtest)
  else()
    add_library(alkaid_testing INTERFACE)
    target_link_libraries(alkaid_testing INTERFACE alkaid GTest::gmock GTest::gtest)
  endif()
  set_target_properties(alkaid_testing PROPERTIES EXPORT_NAME testing)
  add_library(alkaid::testing ALIAS alkaid_testing)
  alkaid_install_headers(testing ${arg_HEADERS})
  if(ALKAID_BUILD_TESTS AND arg_TESTS)
    alkaid_gtest_program(alkaid_testing_test ${arg_TESTS})
  endif()
endfunction()

# alkaid_gtest_program(name a_test.cc ...): GoogleTest's main, one CTest entry for each test.
function(alkaid_gtest_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE alkaid GTest::gmock GTest::gtest GTest::gtest_main)
  if(TARGET alkaid_testing)
    target_link_libraries(${name} PRIVATE alkaid_testing)
  endif()
  alkaid_compile_tests_quickly(${name})
  if(ALKAID_TEST_PCH)
    target_precompile_headers(${name} REUSE_FROM alkaid_test_pch)
  endif()
  # PRE_TEST: programs are asked for their tests when CTest runs, under the environment that a
  # sanitizer needs, and not while building.
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
                       PROPERTIES TIMEOUT 120)
endfunction()

# alkaid_test_program(name SOURCES a.cc ... [LINK target ...] [ARGS arg ...] [PLAIN])
#
# A test that needs a process of its own: passes when it exits 0, is skipped when it exits 77.
# It has its own main and links libalkaid.so, or with PLAIN only what LINK names.
function(alkaid_test_program name)
  if(NOT ALKAID_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "PLAIN" "" "SOURCES;LINK;ARGS" ${ARGN})
  alkaid_refuse_unknown(alkaid_test_program "${arg_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  if(NOT arg_PLAIN)
    target_link_libraries(${name} PRIVATE alkaid)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endfunction()

# A sanitizer makes optimising the tests' own code the dearest part of a build, for programs that run
# once. The library keeps its optimisation.
function(alkaid_compile_tests_quickly name)
  if(ALKAID_SANITIZE MATCHES "^(address|thread)$")
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

# alkaid_command(target a.cc ...): the program bin/alkaid.
function(alkaid_command target)
  add_executable(${target} ${ARGN})
  if(ALKAID_UNITY_COMMAND)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
  set_target_properties(${target} PROPERTIES OUTPUT_NAME alkaid)
  target_link_libraries(${target} PRIVATE
    alkaid CLI11::CLI11 nlohmann_json::nlohmann_json OpenSSL::Crypto Threads::Threads
    alkaid_libdw)
  target_include_directories(${target} PRIVATE "${ALKAID_INCLUDE_ROOT}")
  install(TARGETS ${target} RUNTIME COMPONENT runtime)
endfunction()

# alkaid_benchmark(name SOURCES a.cc ... [LINK target ...]): a Google Benchmark program, bin/<name>.
function(alkaid_benchmark name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  alkaid_refuse_unknown(alkaid_benchmark "${arg_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE alkaid benchmark::benchmark ${arg_LINK})
endfunction()

# alkaid_fuzzer(name a.cc ...): a libFuzzer target, bin/<name>. What is in it is watched as the
# library is (AlkaidSanitizers).
function(alkaid_fuzzer name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE alkaid)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

function(alkaid_refuse_unknown caller unknown)
  if(unknown)
    message(FATAL_ERROR "${caller}: not understood: ${unknown}")
  endif()
endfunction()
