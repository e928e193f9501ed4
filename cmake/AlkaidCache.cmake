# Third-party sources (AlkaidObtain has them), built once for a machine.
#
# A finished build is a folder of the cache, named after everything that could change it:
#
#   $ALKAID_CACHE_DIR/downloads/                           archives, checked
#   $ALKAID_CACHE_DIR/jemalloc-mended-<key>/                include/ lib/ src/
#
# It is built beside its place and renamed into it, under a lock: an interrupted build leaves no
# half entry, and two configurations at once build it once. Deleting the cache is always safe.
include_guard(GLOBAL)
include(AlkaidObtain)

# alkaid_mend(file old new [old new]...): `new` in the place of `old`, which must be there. Of several
# pairs, for versions that are written differently, the first that fits.
function(alkaid_mend file)
  file(READ "${file}" text)
  set(next 1)
  while(next LESS ARGC)
    math(EXPR after "${next} + 1")
    string(FIND "${text}" "${ARGV${next}}" at)
    if(NOT at EQUAL -1)
      string(REPLACE "${ARGV${next}}" "${ARGV${after}}" text "${text}")
      file(WRITE "${file}" "${text}")
      return()
    endif()
    math(EXPR next "${next} + 2")
  endwhile()
  message(FATAL_ERROR "${file} has no '${ARGV1}' to be mended")
endfunction()

# alkaid_run(folder what command...): runs a command of a recipe; on failure shows the end of its
# output.
function(alkaid_run folder what)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${folder}" RESULT_VARIABLE code
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    string(LENGTH "${output}" length)
    if(length GREATER 4000)
      math(EXPR begin "${length} - 4000")
      string(SUBSTRING "${output}" ${begin} -1 output)
    endif()
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${what} failed (${code}): ${command}\n${output}")
  endif()
endfunction()

# alkaid_cached_build(out name URL url PINS pin... RECIPE function FLAVOUR name FLAGS text CFLAGS
# text)
#
# The folder of the finished build; nothing, where no source can be had and ALKAID_WITH_<NAME> is AUTO.
# Pins are as in AlkaidPins. RECIPE is called as `function(source folder flags cflags)`: it
# builds what lies in `source` and leaves lib/ and include/ in `folder`. Its outcome may depend on
# nothing but the source, the compiler and the three texts, which make the key of the cache.
function(alkaid_cached_build out name)
  cmake_parse_arguments(arg "" "URL;RECIPE;FLAVOUR;FLAGS;CFLAGS" "PINS" ${ARGN})
  set(${out} "" PARENT_SCOPE)
  string(TOUPPER "${name}" upper)
  file(MAKE_DIRECTORY "${ALKAID_CACHE_DIR}")
  set(lock "${ALKAID_CACHE_DIR}/${name}.lock")
  file(LOCK "${lock}" GUARD FUNCTION TIMEOUT 0 RESULT_VARIABLE locked)
  if(NOT locked EQUAL 0)
    message(STATUS "${name}: another configuration is building it; waiting")
    file(LOCK "${lock}" GUARD FUNCTION TIMEOUT 3600)
  endif()

  # Without a URL a finished build is found by the pins alone: the archive may be gone by then.
  alkaid_pin_sums(candidates ${arg_PINS})
  if(arg_URL)
    alkaid_obtain(archive why ${name} "${arg_URL}" ${arg_PINS})
    if(NOT archive)
      message(FATAL_ERROR "${name}: its source could not be had:\n${why}")
    endif()
    file(SHA256 "${archive}" candidates)
  endif()
  foreach(pin IN LISTS candidates)
    alkaid_cache_entry(entry ${name} ${pin} "${arg_FLAVOUR}" "${arg_FLAGS}|${arg_CFLAGS}")
    if(IS_DIRECTORY "${entry}")
      set(${out} "${entry}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  # Asking everybody for nothing takes a minute: an AUTO build does that once.
  set(auto "")
  if(ALKAID_WITH_${upper} STREQUAL "AUTO")
    set(auto "${arg_PINS}")
  endif()
  file(GLOB had "${ALKAID_CACHE_DIR}/downloads/*-${name}_*" "${ALKAID_CACHE_DIR}/downloads/*-${name}-*")
  if(auto AND NOT arg_URL AND NOT had AND "${auto}" STREQUAL "${ALKAID_NOWHERE_${upper}}")
    message(STATUS "${name}: not built, as its source could not be had before; --fresh asks again")
    return()
  endif()
  if(NOT archive)
    alkaid_obtain(archive why ${name} "" ${arg_PINS})
  endif()
  if(NOT archive AND auto)
    set(ALKAID_NOWHERE_${upper} "${auto}" CACHE INTERNAL "The pins of ${name} that nobody had")
    message(STATUS "${name}: not built, as its source could not be had:\n${why}")
    return()
  elseif(NOT archive)
    message(FATAL_ERROR "${name}: its source could not be had:\n${why}\n"
      "Set ALKAID_${upper}_URL to a local archive or a URL; or ALKAID_WITH_${upper}=AUTO, to do without "
      "it where it cannot be had; or ALKAID_WITH_${upper}=OFF.")
  endif()
  unset(ALKAID_NOWHERE_${upper} CACHE)
  file(SHA256 "${archive}" pin)
  alkaid_cache_entry(entry ${name} ${pin} "${arg_FLAVOUR}" "${arg_FLAGS}|${arg_CFLAGS}")
  set(work "${entry}.partial")
  file(REMOVE_RECURSE "${work}")
  file(MAKE_DIRECTORY "${work}")
  message(STATUS "${name}: building it, ${arg_FLAVOUR}, once for this machine, into ${entry}")
  file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${work}")
  file(GLOB source LIST_DIRECTORIES true "${work}/*")
  file(RENAME "${source}" "${work}/src")
  # Debuggers look for the sources where the entry will be.
  cmake_language(CALL ${arg_RECIPE} "${work}/src" "${work}" "${arg_FLAGS}"
                 "${arg_CFLAGS} -ffile-prefix-map=${work}=${entry}")
  file(RENAME "${work}" "${entry}")
  set(${out} "${entry}" PARENT_SCOPE)
endfunction()

# The name of an entry: a change of anything that goes into the key makes another entry.
function(alkaid_cache_entry out name pin flavour flags)
  set(machine "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
  set(compiler "${CMAKE_C_COMPILER_ID}-${CMAKE_C_COMPILER_VERSION}")
  string(SHA256 key "${pin}|${flavour}|${flags}|${machine}|${compiler}")
  string(SUBSTRING "${key}" 0 16 key)
  set(${out} "${ALKAID_CACHE_DIR}/${name}-${flavour}-${key}" PARENT_SCOPE)
endfunction()
