# What comes from the distribution. A missing part is an error that names Debian's package.
include_guard(GLOBAL)

# alkaid_find(absl libabsl-dev [what the part is for])
function(alkaid_find name debian_package)
  find_package(${name} ${ARGN} CONFIG QUIET GLOBAL)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${name} is missing. On Debian: apt-get install ${debian_package}")
  endif()
endfunction()

find_package(Threads REQUIRED)
alkaid_find(absl libabsl-dev)
if(ALKAID_BUILD_TESTS OR ALKAID_BUILD_TESTING_LIBRARY)
  alkaid_find(GTest "libgtest-dev libgmock-dev")
  if(NOT TARGET GTest::gmock)
    message(FATAL_ERROR "GoogleMock is missing. On Debian: apt-get install libgmock-dev")
  endif()
endif()
if(ALKAID_BUILD_TOOLS)
  alkaid_find(CLI11 libcli11-dev)
  alkaid_find(nlohmann_json nlohmann-json3-dev)
  find_package(OpenSSL COMPONENTS Crypto QUIET)
  if(NOT OpenSSL_FOUND)
    message(FATAL_ERROR "OpenSSL is missing. On Debian: apt-get install libssl-dev")
  endif()
endif()
if(ALKAID_BUILD_BENCHMARKS)
  alkaid_find(benchmark libbenchmark-dev)
endif()

# liburing, of which libalkaid.so takes the static archive where it can be part of a shared library:
# a few system calls are no reason to need another file at run time. ALKAID_HAVE_IO_URING says
# whether it is in.
add_library(alkaid_io_uring INTERFACE)
set(ALKAID_HAVE_IO_URING OFF)
if(NOT ALKAID_WITH_IO_URING MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ALKAID_WITH_IO_URING is '${ALKAID_WITH_IO_URING}'; it takes AUTO, ON or OFF")
endif()
if(NOT ALKAID_WITH_IO_URING STREQUAL "OFF")
  find_path(ALKAID_LIBURING_INCLUDE liburing.h)
  find_library(ALKAID_LIBURING_ARCHIVE NAMES liburing.a)
  find_library(ALKAID_LIBURING_SHARED NAMES uring)
  mark_as_advanced(ALKAID_LIBURING_INCLUDE ALKAID_LIBURING_ARCHIVE ALKAID_LIBURING_SHARED)
  if(ALKAID_LIBURING_INCLUDE AND ALKAID_LIBURING_ARCHIVE
     AND NOT DEFINED ALKAID_LIBURING_ARCHIVE_IS_PIC)
    set(probe "${PROJECT_BINARY_DIR}/liburing_probe.c")
    file(WRITE "${probe}" "#include <liburing.h>\nint alkaid_probe(struct io_uring* ring);\n\
int alkaid_probe(struct io_uring* ring) { return io_uring_queue_init(1, ring, 0); }\n")
    try_compile(ALKAID_LIBURING_ARCHIVE_IS_PIC "${PROJECT_BINARY_DIR}/liburing_probe" "${probe}"
                COMPILE_DEFINITIONS -fPIC "-I${ALKAID_LIBURING_INCLUDE}"
                LINK_OPTIONS -shared LINKER:--no-undefined
                LINK_LIBRARIES "${ALKAID_LIBURING_ARCHIVE}")
  endif()
  if(ALKAID_LIBURING_INCLUDE AND ALKAID_LIBURING_ARCHIVE AND ALKAID_LIBURING_ARCHIVE_IS_PIC)
    set(library "${ALKAID_LIBURING_ARCHIVE}")
  else()
    set(library "${ALKAID_LIBURING_SHARED}")
  endif()
  if(ALKAID_LIBURING_INCLUDE AND library)
    set(ALKAID_HAVE_IO_URING ON)
    target_link_libraries(alkaid_io_uring INTERFACE "${library}")
    target_include_directories(alkaid_io_uring SYSTEM INTERFACE "${ALKAID_LIBURING_INCLUDE}")
  elseif(ALKAID_WITH_IO_URING STREQUAL "ON")
    message(FATAL_ERROR "liburing is missing. On Debian: apt-get install liburing-dev")
  endif()
endif()
target_compile_definitions(alkaid_io_uring INTERFACE
  ALKAID_HAVE_IO_URING=$<BOOL:${ALKAID_HAVE_IO_URING}>)

# Static tracepoints: a header that leaves notes in the library, nothing that is linked.
# ALKAID_HAVE_USDT says whether they are in.
set(ALKAID_HAVE_USDT OFF)
if(NOT ALKAID_WITH_USDT MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ALKAID_WITH_USDT is '${ALKAID_WITH_USDT}'; it takes AUTO, ON or OFF")
endif()
if(NOT ALKAID_WITH_USDT STREQUAL "OFF")
  include(CheckIncludeFileCXX)
  check_include_file_cxx(sys/sdt.h ALKAID_SDT_HEADER)
  if(ALKAID_SDT_HEADER)
    set(ALKAID_HAVE_USDT ON)
  elseif(ALKAID_WITH_USDT STREQUAL "ON")
    message(FATAL_ERROR "sys/sdt.h is missing. On Debian: apt-get install systemtap-sdt-dev")
  endif()
endif()

# libdw, with which the command names the code that back-traces lead through. ALKAID_HAVE_LIBDW says
# whether it is in.
add_library(alkaid_libdw INTERFACE)
set(ALKAID_HAVE_LIBDW OFF)
if(NOT ALKAID_WITH_LIBDW MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ALKAID_WITH_LIBDW is '${ALKAID_WITH_LIBDW}'; it takes AUTO, ON or OFF")
endif()
# The command names code, and a fuzz target does.
if((ALKAID_BUILD_TOOLS OR ALKAID_SANITIZE STREQUAL "fuzzer") AND
   NOT ALKAID_WITH_LIBDW STREQUAL "OFF")
  find_path(ALKAID_LIBDW_INCLUDE elfutils/libdwfl.h)
  find_library(ALKAID_LIBDW_LIBRARY NAMES dw)
  mark_as_advanced(ALKAID_LIBDW_INCLUDE ALKAID_LIBDW_LIBRARY)
  if(ALKAID_LIBDW_INCLUDE AND ALKAID_LIBDW_LIBRARY)
    set(ALKAID_HAVE_LIBDW ON)
    target_link_libraries(alkaid_libdw INTERFACE "${ALKAID_LIBDW_LIBRARY}")
    target_include_directories(alkaid_libdw SYSTEM INTERFACE "${ALKAID_LIBDW_INCLUDE}")
  elseif(ALKAID_WITH_LIBDW STREQUAL "ON")
    message(FATAL_ERROR "libdw is missing. On Debian: apt-get install libdw-dev")
  endif()
endif()
target_compile_definitions(alkaid_libdw INTERFACE ALKAID_HAVE_LIBDW=$<BOOL:${ALKAID_HAVE_LIBDW}>)

# Python: its headers, for the module, and the interpreter that tests run. ALKAID_HAVE_PYTHON says
# whether the module is built. Of several interpreters the system's is taken, whose packages are the
# distribution's; Python3_EXECUTABLE names another.
set(ALKAID_HAVE_PYTHON OFF)
if(NOT ALKAID_WITH_PYTHON MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ALKAID_WITH_PYTHON is '${ALKAID_WITH_PYTHON}'; it takes AUTO, ON or OFF")
endif()
if(NOT DEFINED Python3_EXECUTABLE AND NOT CMAKE_CROSSCOMPILING AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3)
endif()
if(NOT ALKAID_WITH_PYTHON STREQUAL "OFF" AND NOT ALKAID_SANITIZE STREQUAL "fuzzer")
  find_package(Python3 COMPONENTS Interpreter Development.Module QUIET GLOBAL)
  if(Python3_Development.Module_FOUND AND Python3_VERSION VERSION_GREATER_EQUAL 3.11)
    set(ALKAID_HAVE_PYTHON ON)
  elseif(ALKAID_WITH_PYTHON STREQUAL "ON")
    message(FATAL_ERROR "Python's headers, of 3.11 or later, are missing. "
                        "On Debian: apt-get install python3-dev")
  endif()
endif()
