# How mimalloc is mended and built. See AlkaidAllocators for its flags.
include_guard(GLOBAL)
include(AlkaidCache)

# mimalloc takes its options from the environment, in a set-uid program too, where that is the
# caller's: MIMALLOC_SHOW_STATS, MIMALLOC_RESERVE_OS_MEMORY and others. jemalloc asks secure_getenv.
# An empty environment and not none, which version 3 takes for one that cannot be read yet.
function(alkaid_mend_mimalloc_environment source)
  set(found "static char** mi_get_environ(void) {\n  return environ;\n}")
  set(mended "#include <sys/auxv.h>\nstatic char** mi_get_environ(void) {\n\
  static char* none[] = { NULL };\n  return (getauxval(AT_SECURE) != 0 ? none : environ);\n}")
  file(GLOB_RECURSE files "${source}/src/*.c")  # another one in version 3 than in version 2
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    string(FIND "${text}" "${found}" at)
    if(NOT at EQUAL -1)
      string(REPLACE "${found}" "${mended}" text "${text}")
      file(WRITE "${file}" "${text}")
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "mimalloc: no source has a mi_get_environ to be mended")
endfunction()

function(alkaid_build_mimalloc source folder flags cflags)
  alkaid_mend_mimalloc_environment("${source}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  alkaid_run("${folder}" "mimalloc: configure" "${CMAKE_COMMAND}" -E env --unset=CFLAGS
             --unset=CXXFLAGS --unset=LDFLAGS
             "${CMAKE_COMMAND}" -S "${source}" -B "${folder}/build" -G "${CMAKE_GENERATOR}"
             "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}"
             "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
             "-DCMAKE_C_FLAGS=${cflags}" "-DCMAKE_CXX_FLAGS=${cflags}" ${flags})
  alkaid_run("${folder}" "mimalloc: build" "${CMAKE_COMMAND}" --build "${folder}/build"
             --target mimalloc-static)
  # Its name has a suffix in some versions and build types.
  file(GLOB library "${folder}/build/libmimalloc*.a")
  if(NOT library)
    message(FATAL_ERROR "mimalloc: its build left no libmimalloc*.a in ${folder}/build")
  endif()
  file(MAKE_DIRECTORY "${folder}/lib")
  file(RENAME "${library}" "${folder}/lib/libmimalloc.a")
  file(COPY "${source}/include" DESTINATION "${folder}")
  file(REMOVE_RECURSE "${folder}/build")
endfunction()
