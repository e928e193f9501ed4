# Every switch of the build, in one place.
include_guard(GLOBAL)
include(GNUInstallDirs)

foreach(allocator IN ITEMS jemalloc mimalloc)
  string(TOUPPER "${allocator}" upper)
  set(ALKAID_WITH_${upper} "ON" CACHE STRING
      "Build the ${allocator} backend: ON, AUTO (where its source can be had) or OFF")
  set_property(CACHE ALKAID_WITH_${upper} PROPERTY STRINGS AUTO ON OFF)
  set(ALKAID_${upper}_URL "" CACHE STRING
      "${allocator}'s source archive: a local file or a URL (default: see AlkaidObtain)")
endforeach()
set(ALKAID_WITH_IO_URING "AUTO" CACHE STRING
    "Read ahead by io_uring, with liburing: AUTO (where it is installed), ON or OFF")
set_property(CACHE ALKAID_WITH_IO_URING PROPERTY STRINGS AUTO ON OFF)
option(ALKAID_WITH_MEMORY_EVENTS "Let observers and tracers see memory events; OFF is for comparison"
       ON)
set(ALKAID_WITH_USDT "AUTO" CACHE STRING
    "Static tracepoints for perf and bpftrace: AUTO (where sys/sdt.h is installed), ON or OFF")
set_property(CACHE ALKAID_WITH_USDT PROPERTY STRINGS AUTO ON OFF)
set(ALKAID_WITH_LIBDW "AUTO" CACHE STRING
    "Let the alkaid command name code, with libdw: AUTO (where it is installed), ON or OFF")
set_property(CACHE ALKAID_WITH_LIBDW PROPERTY STRINGS AUTO ON OFF)
set(ALKAID_WITH_PYTHON "AUTO" CACHE STRING
    "The module of Python: AUTO (where Python's headers are installed), ON or OFF")
set_property(CACHE ALKAID_WITH_PYTHON PROPERTY STRINGS AUTO ON OFF)
set(ALKAID_CACHE_DIR "" CACHE PATH
    "Where built allocators are kept (default: $XDG_CACHE_HOME/alkaid or ~/.cache/alkaid)")

option(ALKAID_BUILD_TESTS "Build the tests" ON)
option(ALKAID_BUILD_TESTING_LIBRARY "Build and install alkaid::testing (needs GoogleTest)" ON)
option(ALKAID_BUILD_TOOLS "Build the alkaid command" ON)
option(ALKAID_BUILD_BENCHMARKS "Build the benchmark programs" OFF)
option(ALKAID_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" OFF)
# Apart, each of its files compiles CLI11 and JSON anew, which takes a quarter of a whole build.
option(ALKAID_UNITY_COMMAND "Compile the files of the alkaid command together, 24 at a time" ON)
option(ALKAID_PCH "Compile the library and the tests with precompiled headers" ON)
option(ALKAID_INSTALL_STRIPPED "Install without debug information; the component debug has it" ON)
set(ALKAID_GDB_AUTO_LOAD_DIR "${CMAKE_INSTALL_LIBDIR}" CACHE STRING
    "Below the prefix: where the script goes that gdb loads with the library (default: beside it)")
set(ALKAID_SANITIZE "" CACHE STRING "One of: (empty), address, fuzzer, thread, coverage")
set_property(CACHE ALKAID_SANITIZE PROPERTY STRINGS "" address fuzzer thread coverage)

# An environment variable stands in for a cache variable that is left empty, so that a script can
# point at a local archive without touching the configure line.
foreach(name IN ITEMS ALKAID_JEMALLOC_URL ALKAID_MIMALLOC_URL ALKAID_CACHE_DIR)
  if(NOT ${name} AND DEFINED ENV{${name}})
    set(${name} "$ENV{${name}}")
  endif()
endforeach()
if(NOT ALKAID_CACHE_DIR)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(ALKAID_CACHE_DIR "$ENV{XDG_CACHE_HOME}/alkaid")
  elseif(DEFINED ENV{HOME})
    set(ALKAID_CACHE_DIR "$ENV{HOME}/.cache/alkaid")
  else()
    set(ALKAID_CACHE_DIR "${PROJECT_BINARY_DIR}/cache")
  endif()
endif()
