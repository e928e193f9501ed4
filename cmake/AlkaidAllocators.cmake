# jemalloc and mimalloc, linked statically into libalkaid.so and kept to it.
#
# Debian's own libraries of them replace malloc in every process that loads them, and its
# libjemalloc cannot be loaded late. So both are built here from pinned source:
# position-independent, hidden, their C names prefixed or not overriding anything, with thread-local
# storage that a late dlopen can serve. No link-time optimisation: a probe on je_alkaid_mallocx or
# mi_malloc_aligned must see every call. Debug information and frame pointers are for the same
# probes, and for profilers.
include_guard(GLOBAL)
include(AlkaidCache)
include(AlkaidJemalloc)
include(AlkaidMimalloc)
include(AlkaidPins)

cmake_host_system_information(RESULT ALKAID_JOBS QUERY NUMBER_OF_LOGICAL_CORES)
if(ALKAID_JOBS LESS 1)  # no /proc, as in a bare chroot
  set(ALKAID_JOBS 1)
endif()

# GNU make's path, for jemalloc's build.
if(ALKAID_WITH_JEMALLOC)
  find_program(ALKAID_MAKE NAMES gmake make)
  mark_as_advanced(ALKAID_MAKE)
  if(NOT ALKAID_MAKE)
    message(FATAL_ERROR "make is missing. On Debian: apt-get install make")
  endif()
endif()

# -g2 because jemalloc asks for -g3 by itself: its macros would take 40 MB in the cache.
set(ALKAID_ALLOCATOR_CFLAGS "-g2 -fno-omit-frame-pointer -fno-lto")

# ThreadSanitizer must see how an allocator orders the hand-over of a block from one thread to the
# next, or every reuse looks like a race. mimalloc does it with atomics: it is compiled with the
# sanitizer (and with what its own build defines for that, under clang alone). jemalloc does it
# under pthread mutexes, which the sanitizer sees anyway; compiled with it, its statistics are
# reported.
set(mimalloc_flavour mended)
set(mimalloc_cflags "${ALKAID_ALLOCATOR_CFLAGS}")
if(ALKAID_SANITIZE STREQUAL "thread")
  set(mimalloc_flavour mended-tsan)
  string(APPEND mimalloc_cflags " -fsanitize=thread -DMI_TSAN=1")
endif()

# The library of a finished build. The definition tells C++ code that the backend is in.
function(alkaid_allocator_target name folder)
  add_library(alkaid_${name} STATIC IMPORTED GLOBAL)
  string(TOUPPER "${name}" upper)
  set_target_properties(alkaid_${name} PROPERTIES
    IMPORTED_LOCATION "${folder}/lib/lib${name}.a"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}/include"
    INTERFACE_COMPILE_DEFINITIONS ALKAID_HAVE_${upper}=1)
  target_link_libraries(alkaid_${name} INTERFACE Threads::Threads)
endfunction()

# alkaid_settle_allocator(name): from here on ALKAID_WITH_<NAME> says whether the build has it, and
# ALKAID_WITHOUT_<NAME> why not. The cache keeps the first for scripts, as ALKAID_HAVE_<NAME>.
function(alkaid_settle_allocator name)
  string(TOUPPER "${name}" upper)
  if(ALKAID_WITH_${upper} AND ALKAID_${upper}_FOLDER)
    alkaid_allocator_target(${name} "${ALKAID_${upper}_FOLDER}")
    target_link_libraries(alkaid_allocators INTERFACE alkaid_${name})
    set(have ON)
  else()
    target_compile_definitions(alkaid_allocators INTERFACE ALKAID_HAVE_${upper}=0)
    set(have OFF)
    if(ALKAID_WITH_${upper})
      set(why "its source could not be had when this was built (ALKAID_${upper}_URL names one)")
    else()
      set(why "left out of this build by ALKAID_WITH_${upper}=OFF")
    endif()
    set(ALKAID_WITHOUT_${upper} "${why}" PARENT_SCOPE)
  endif()
  set(ALKAID_HAVE_${upper} ${have} CACHE INTERNAL "Whether the library has ${name}")
  set(ALKAID_WITH_${upper} ${have} PARENT_SCOPE)
endfunction()

# What libalkaid.so links: the allocators that are switched on, and the definitions of all of them.
add_library(alkaid_allocators INTERFACE)

if(ALKAID_WITH_JEMALLOC)
  # The flags take part in the cache's key: changing them builds anew. force_tls=0: jemalloc keeps
  # its 2.6 KB a thread behind a pthread key. As thread-local storage they would be part of
  # libalkaid.so's, all of which must be static for the few bytes that the pools reach without a
  # call; a late dlopen finds no room for kilobytes of that ("cannot allocate memory in static TLS
  # block"). Measured, the key costs no more than the call that dynamic storage takes.
  alkaid_cached_build(ALKAID_JEMALLOC_FOLDER jemalloc
    URL "${ALKAID_JEMALLOC_URL}"
    PINS ${ALKAID_JEMALLOC_PINS}
    RECIPE alkaid_build_jemalloc
    FLAVOUR mended-with-loans
    CFLAGS "${ALKAID_ALLOCATOR_CFLAGS}"
    FLAGS "--with-jemalloc-prefix=je_alkaid_ --with-private-namespace=je_alkaid_private_ \
--without-export --disable-cxx --disable-libdl --disable-initial-exec-tls \
force_tls=0 --disable-shared --disable-doc")
endif()
alkaid_settle_allocator(jemalloc)

if(ALKAID_WITH_MIMALLOC)
  alkaid_cached_build(ALKAID_MIMALLOC_FOLDER mimalloc
    URL "${ALKAID_MIMALLOC_URL}"
    PINS ${ALKAID_MIMALLOC_PINS}
    RECIPE alkaid_build_mimalloc
    FLAVOUR ${mimalloc_flavour}
    CFLAGS "${mimalloc_cflags}"
    # MI_OPT_ARCH is of 3.x and would ask for instructions that an older processor lacks. Nothing is
    # collected at exit: it would read files of the system for it, which a program's filter of system
    # calls may not allow, and the library is never unloaded before.
    FLAGS "-DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DMI_OVERRIDE=OFF \
-DMI_LOCAL_DYNAMIC_TLS=ON -DMI_OPT_ARCH=OFF -DMI_BUILD_SHARED=OFF -DMI_BUILD_STATIC=ON \
-DMI_BUILD_OBJECT=OFF -DMI_BUILD_TESTS=OFF -DMI_SKIP_COLLECT_ON_EXIT=ON")
endif()
alkaid_settle_allocator(mimalloc)
