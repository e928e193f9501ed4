# The language, the warnings, and what every compilation shares.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
# The installed command finds the installed library wherever both are moved together.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

# Profilers and perf scripts walk the stack by frame pointer.
add_compile_options(-fno-omit-frame-pointer)
add_compile_options(-Wall -Wextra -Wshadow
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual> -Wcast-align -Wformat=2 -Wundef)
# Newer clang warns of what libstdc++ 12 calls within its own stable_sort.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 17)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()
# In the presets of those who develop alone: another compiler's warning stops nobody who builds to use.
# What replaces these options by its own asks by this variable.
set(ALKAID_WERROR)
if(ALKAID_WARNINGS_AS_ERRORS)
  set(ALKAID_WERROR -Werror)
endif()
add_compile_options(${ALKAID_WERROR})

# ccache only when it is there; the sloppiness is what it needs to cache uses of a precompiled
# header, whose content it hashes all the same.
find_program(ALKAID_CCACHE ccache)
mark_as_advanced(ALKAID_CCACHE)
if(ALKAID_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${ALKAID_CCACHE}")
endif()
