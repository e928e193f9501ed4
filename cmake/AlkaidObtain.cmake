# Where the archive of a third-party source comes from. In order:
#
#   1. the file or URL that was given (ALKAID_<NAME>_URL)
#   2. the cache: what was built or downloaded before
#   3. upstream's archive, if the best version is upstream's
#   4. the source package of the machine's release, then of the other suites of the same mirrors
#   5. upstream's archive, if it was not asked before
#
# Whatever the way, an archive has to have one of the pinned sums before anything else is done with it.
include_guard(GLOBAL)
include(AlkaidPins)

# alkaid_check_pin(file what sum...): stops unless the file has one of the sums.
function(alkaid_check_pin file what)
  file(SHA256 "${file}" found)
  if(NOT found IN_LIST ARGN)
    list(JOIN ARGN "\n    " expected)
    message(FATAL_ERROR "${what}: ${file} is not an archive that this project knows.\n"
                        "  sha256 expected:\n    ${expected}\n  sha256 found:\n    ${found}")
  endif()
endfunction()

# alkaid_obtain(out why name url pin...): the path of a checked archive. An empty url stands for all other
# sources. Where none has it, `out` is empty and `why` says what each answered. Called with the lock of
# that name held.
function(alkaid_obtain out why name url)
  set(downloads "${ALKAID_CACHE_DIR}/downloads")
  file(MAKE_DIRECTORY "${downloads}")
  alkaid_pin_sums(known ${ARGN})
  set(${out} "" PARENT_SCOPE)
  if(url AND NOT url MATCHES "^[A-Za-z]+://")
    if(NOT EXISTS "${url}")
      string(TOUPPER "${name}" upper)
      message(FATAL_ERROR "ALKAID_${upper}_URL: there is no file ${url}")
    endif()
    alkaid_check_pin("${url}" ${name} ${known})
    set(${out} "${url}" PARENT_SCOPE)
    return()
  endif()

  # An archive that was had before: under the sum that its URL gave then, or any known sum.
  set(sums ${known})
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
      alkaid_check_pin("${archive}" ${name} ${known})
      set(${out} "${archive}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  set(partial "${downloads}/partial-${name}")
  file(REMOVE_RECURSE "${partial}")
  file(MAKE_DIRECTORY "${partial}/archive")
  if(url)
    alkaid_download(detail ${name} "${url}" "${partial}/archive")
    set(answers "${detail}")
  else()
    alkaid_ask_everybody(answers ${name} "${partial}" ${ARGN})
  endif()

  file(GLOB archive "${partial}/archive/*")
  if(NOT archive)
    file(REMOVE_RECURSE "${partial}")
    set(${why} "${answers}" PARENT_SCOPE)
    return()
  endif()
  file(SHA256 "${archive}" found)
  get_filename_component(base "${archive}" NAME)
  if(NOT found IN_LIST known)
    set(kept "${downloads}/refused-${base}")
    file(RENAME "${archive}" "${kept}")
    file(REMOVE_RECURSE "${partial}")
    alkaid_check_pin("${kept}" ${name} ${known})
  endif()
  file(RENAME "${archive}" "${downloads}/${found}-${base}")
  file(REMOVE_RECURSE "${partial}")
  if(url)
    file(WRITE "${record}" "${found}")
  endif()
  set(${out} "${downloads}/${found}-${base}" PARENT_SCOPE)
endfunction()

# alkaid_ask_everybody(detail name folder pin...): until ${folder}/archive has one of the archives.
# `detail` has a line for each that had none.
function(alkaid_ask_everybody detail name folder)
  set(answers "")
  alkaid_pin_sums(sums ${ARGN})
  list(GET ARGN 0 best)
  alkaid_pin_field(origin "${best}" ORIGIN)
  if(origin MATCHES "://")
    alkaid_ask_upstream(answers ${name} "${origin}" "${folder}" ${sums})
    file(GLOB archive "${folder}/archive/*")
    if(archive)
      return()
    endif()
  endif()
  message(STATUS "${name}: asking apt-get for a source package")
  execute_process(
    COMMAND "${PROJECT_SOURCE_DIR}/cmake/debian_source.sh" ${name} "${folder}/archive" ${sums}
    RESULT_VARIABLE code ERROR_VARIABLE answer ERROR_STRIP_TRAILING_WHITESPACE)
  if(NOT code EQUAL 0)
    string(APPEND answers "  ${answer}\n")
    # Only one: where its server does not answer, the next one's does not.
    list(FILTER ARGN INCLUDE REGEX "://")
    if(ARGN AND NOT origin MATCHES "://")
      list(GET ARGN 0 best)
      alkaid_pin_field(origin "${best}" ORIGIN)
      alkaid_ask_upstream(answer ${name} "${origin}" "${folder}" ${sums})
      string(APPEND answers "${answer}")
    endif()
  endif()
  set(${detail} "${answers}" PARENT_SCOPE)
endfunction()

# alkaid_ask_upstream(detail name url folder sum...): leaves the archive in ${folder}/archive if it has one
# of the sums; else `detail` has a line that says why not.
function(alkaid_ask_upstream detail name url folder)
  alkaid_download(answer ${name} "${url}" "${folder}/archive")
  file(GLOB archive "${folder}/archive/*")
  if(archive)
    file(SHA256 "${archive}" found)
    if(NOT found IN_LIST ARGN)
      file(REMOVE "${archive}")
      set(answer "  ${url}: it has changed since it was pinned, its sha256 is ${found}\n")
    endif()
  endif()
  set(${detail} "${answer}" PARENT_SCOPE)
endfunction()

# alkaid_download(detail name url folder): into the folder; else `detail` has a line that says why not.
function(alkaid_download detail name url folder)
  message(STATUS "${name}: downloading ${url}")
  get_filename_component(base "${url}" NAME)
  file(DOWNLOAD "${url}" "${folder}/${base}" STATUS status INACTIVITY_TIMEOUT 20)
  list(GET status 0 code)
  set(${detail} "" PARENT_SCOPE)
  if(NOT code EQUAL 0)
    file(REMOVE "${folder}/${base}")
    list(GET status 1 text)
    set(${detail} "  ${url}: ${text}\n" PARENT_SCOPE)
  endif()
endfunction()
