# Third-party sources: obtained, checked against their pins, and built once for a machine.
#
# A finished build is a folder of the cache, named after everything that could change it:
#
#   $ALKAID_CACHE_DIR/downloads/                           archives, checked
#   $ALKAID_CACHE_DIR/jemalloc-mended-<key>/                include/ lib/ src/
#
# It is built beside its place and renamed into it, under a lock: an interrupted build leaves no
# half entry, and two configurations at once build it once. Deleting the cache is always safe.
include_guard(GLOBAL)

# alkaid_check_pin(file what pin...): stops unless the file has one of the sums.
function(alkaid_check_pin file what)
  file(SHA256 "${file}" found)
  if(NOT found IN_LIST ARGN)
    list(JOIN ARGN "\n    " expected)
    message(FATAL_ERROR "${what}: ${file} is not an archive that this project knows.\n"
                        "  sha256 expected:\n    ${expected}\n  sha256 found:\n    ${found}")
  endif()
endfunction()

# alkaid_obtain(out name url pin...): the path of a checked archive. An empty url stands for
# Debian's source package of that name. Called with the lock of that name held.
function(alkaid_obtain out name url)
  set(downloads "${ALKAID_CACHE_DIR}/downloads")
  string(TOUPPER "${name}" upper)
  file(MAKE_DIRECTORY "${downloads}")
  if(url AND NOT url MATCHES "^[A-Za-z]+://")
    if(NOT EXISTS "${url}")
      message(FATAL_ERROR "ALKAID_${upper}_URL: there is no file ${url}")
    endif()
    alkaid_check_pin("${url}" ${name} ${ARGN})
    set(${out} "${url}" PARENT_SCOPE)
    return()
  endif()

  # An archive that was had before: under the sum that its URL gave then, or any known sum.
  set(sums ${ARGN})
  if(url)
    string(SHA256 record "${url}")
    set(record "${downloads}/${record}.url")
    set(sums)
    if(EXISTS "${record}")
      file(READ "${record}" sums)
    endif()
  endif()
  foreach(sum IN LISTS sums)
    file(GLOB archive "${downloads}/${sum}-*")
    if(archive)
      alkaid_check_pin("${archive}" ${name} ${ARGN})
      set(${out} "${archive}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  set(partial "${downloads}/partial-${name}")
  file(REMOVE_RECURSE "${partial}")
  file(MAKE_DIRECTORY "${partial}")
  if(url)
    message(STATUS "${name}: downloading ${url}")
    get_filename_component(base "${url}" NAME)
    file(DOWNLOAD "${url}" "${partial}/${base}" STATUS status)
    list(GET status 0 code)
    list(GET status 1 detail)
  else()
    message(STATUS "${name}: asking apt-get for Debian's source package")
    execute_process(COMMAND "${PROJECT_SOURCE_DIR}/cmake/debian_source.sh" ${name} "${partial}"
                    RESULT_VARIABLE code ERROR_VARIABLE detail)
  endif()
  file(GLOB archive "${partial}/*")
  if(NOT code EQUAL 0 OR NOT archive)
    file(REMOVE_RECURSE "${partial}")
    message(FATAL_ERROR "${name}: its source could not be had: ${detail}\n"
      "Set ALKAID_${upper}_URL to a local archive or a URL, or ALKAID_WITH_${upper}=OFF.")
  endif()
  file(SHA256 "${archive}" found)
  get_filename_component(base "${archive}" NAME)
  if(NOT found IN_LIST ARGN)
    set(kept "${downloads}/refused-${base}")
    file(RENAME "${archive}" "${kept}")
    file(REMOVE_RECURSE "${partial}")
    alkaid_check_pin("${kept}" ${name} ${ARGN})
  endif()
  file(RENAME "${archive}" "${downloads}/${found}-${base}")
  file(REMOVE_RECURSE "${partial}")
  if(url)
    file(WRITE "${record}" "${found}")
  endif()
  set(${out} "${downloads}/${found}-${base}" PARENT_SCOPE)
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

# alkaid_cached_build(out name URL url PINS sum... RECIPE function FLAVOUR name FLAGS text CFLAGS
# text)
#
# The folder of the finished build. RECIPE is called as `function(source folder flags cflags)`: it
# builds what lies in `source` and leaves lib/ and include/ in `folder`. Its outcome may depend on
# nothing but the source, the compiler and the three texts, which make the key of the cache.
function(alkaid_cached_build out name)
  cmake_parse_arguments(arg "" "URL;RECIPE;FLAVOUR;FLAGS;CFLAGS" "PINS" ${ARGN})
  file(MAKE_DIRECTORY "${ALKAID_CACHE_DIR}")
  set(lock "${ALKAID_CACHE_DIR}/${name}.lock")
  file(LOCK "${lock}" GUARD FUNCTION TIMEOUT 0 RESULT_VARIABLE locked)
  if(NOT locked EQUAL 0)
    message(STATUS "${name}: another configuration is building it; waiting")
    file(LOCK "${lock}" GUARD FUNCTION TIMEOUT 3600)
  endif()

  # Without a URL a finished build is found by the pins alone: the archive may be gone by then.
  set(candidates ${arg_PINS})
  if(arg_URL)
    alkaid_obtain(archive ${name} "${arg_URL}" ${arg_PINS})
    file(SHA256 "${archive}" candidates)
  endif()
  foreach(pin IN LISTS candidates)
    alkaid_cache_entry(entry ${name} ${pin} "${arg_FLAVOUR}" "${arg_FLAGS}|${arg_CFLAGS}")
    if(IS_DIRECTORY "${entry}")
      set(${out} "${entry}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  if(NOT archive)
    alkaid_obtain(archive ${name} "" ${arg_PINS})
  endif()
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
