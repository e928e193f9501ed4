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

# alkaid_mend(file old new): `new` in the place of `old`, which must be there.
function(alkaid_mend file old new)
  file(READ "${file}" text)
  string(FIND "${text}" "${old}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${file} has no '${old}' to be mended")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  file(WRITE "${file}" "${text}")
endfunction()

# Behind a pthread key, jemalloc 5.3.0 lists the threads that are about to make their data, by their
# id, and leaves the list and its lock to forked children as they are. A thread that a child starts can
# have the id of one that was listed at the fork: it takes over data that are not made yet, and dies.
function(alkaid_mend_jemalloc_forks source)
  foreach(when IN ITEMS prefork postfork_parent postfork_child)
    set(line "malloc_mutex_${when}(tsd_tsdn(tsd), &tsd_nominal_tsds_lock);\n")
    set(more "\tmalloc_mutex_${when}(tsd_tsdn(tsd), &tsd_init_head.lock);\n")
    if(when STREQUAL "postfork_child")
      string(APPEND more "\tql_new(&tsd_init_head.blocks);\n")
    endif()
    alkaid_mend("${source}/src/tsd.c" "${line}" "${line}${more}")
  endforeach()
endfunction()

# Where there is no memory for a thread's data, jemalloc ends the process: while it is loaded, or at the
# first call of a thread. Those data then come from a few places that are set aside, so the process goes
# on and its allocations are refused as they should be. Only if more threads than that begin to allocate
# while memory is gone does it end as before.
function(alkaid_mend_jemalloc_tsd source)
  string(CONCAT places
    "#define SPARE_TSDS 64\n"
    "static struct { char bytes[4096]; } JEMALLOC_ALIGNED(CACHELINE) spare_tsds[SPARE_TSDS];\n"
    "static atomic_u_t spare_tsds_taken[SPARE_TSDS];\n\n"
    "static void *\nspare_tsd_take(size_t size) {\n"
    "\tfor (unsigned i = 0; size <= sizeof(spare_tsds[0]) && i < SPARE_TSDS; i++) {\n"
    "\t\tunsigned none = 0;\n"
    "\t\tif (atomic_compare_exchange_strong_u(&spare_tsds_taken[i], &none, 1,\n"
    "\t\t    ATOMIC_ACQ_REL, ATOMIC_RELAXED)) {\n"
    "\t\t\treturn &spare_tsds[i];\n\t\t}\n\t}\n\treturn NULL;\n}\n\n")
  set(head "void *\nmalloc_tsd_malloc(size_t size) {\n")
  alkaid_mend("${source}/src/tsd.c" "${head}" "${places}${head}")
  alkaid_mend("${source}/src/tsd.c" "\treturn a0malloc(CACHELINE_CEILING(size));\n"
    "\tvoid *place = a0malloc(CACHELINE_CEILING(size));\n\
\treturn place != NULL ? place : spare_tsd_take(size);\n")
  alkaid_mend("${source}/src/tsd.c" "\ta0dalloc(wrapper);\n"
    "\tuintptr_t at = (uintptr_t)wrapper - (uintptr_t)spare_tsds;\n\
\tif (at < sizeof(spare_tsds)) {\n\
\t\tatomic_store_u(&spare_tsds_taken[at / sizeof(spare_tsds[0])], 0, ATOMIC_RELEASE);\n\
\t} else {\n\t\ta0dalloc(wrapper);\n\t}\n")
  # Nor is a cache used for which there was none: such a thread goes without.
  alkaid_mend("${source}/src/tcache.c" "\t\ttsd_tcache_data_init(tsd);\n\t}\n\n\treturn false;\n"
    "\t\tif (tsd_tcache_data_init(tsd)) {\n\
\t\t\ttsd_tcache_enabled_set(tsd, false);\n\t\t\ttsd_slow_update(tsd);\n\t\t}\n\
\t}\n\n\treturn false;\n")
endfunction()

# A thread that no arena can be made for has the first one, instead of none, which jemalloc 5.3.0 follows.
function(alkaid_mend_jemalloc_arenas source)
  alkaid_mend("${source}/src/jemalloc.c" "\t\t\t\tif (arena == NULL) {\n\
\t\t\t\t\tmalloc_mutex_unlock(tsd_tsdn(tsd),\n\t\t\t\t\t    &arenas_lock);\n\
\t\t\t\t\treturn NULL;\n\t\t\t\t}\n\t\t\t\tis_new_arena[j] = true;\n"
    "\t\t\t\tis_new_arena[j] = arena != NULL;\n\
\t\t\t\tif (arena == NULL) {\n\t\t\t\t\tchoose[j] = 0;\n\
\t\t\t\t\tarena = arena_get(tsd_tsdn(tsd), 0, false);\n\t\t\t\t}\n")
endfunction()

# While it is loaded, jemalloc 5.3.0 tries on a page whether the kernel gives zeroes after
# MADV_DONTNEED, and writes to it where it got none. Linux does give them; only QEMU's imitation does not.
function(alkaid_mend_jemalloc_pages source)
  set(failed "\tif (addr == MAP_FAILED) {\n\t\tmalloc_write(\"<jemalloc>: Cannot allocate")
  string(REPLACE "{\n" "{\n\t\treturn 1;\n" mended "${failed}")
  alkaid_mend("${source}/src/pages.c" "${failed}" "${mended}")
endfunction()

# jemalloc 5.3.0 holds its locks from its first handler of a fork to its last. A handler of the program
# that runs in between may wait for a thread which allocates: where that lasts, such a thread borrows the
# lock. The C library's fork takes its list of streams after all handlers and holds it until the child
# is there, so a thread that holds the list keeps the fork from happening meanwhile. A C library without
# that lets the thread wait. Forks themselves never borrow, and while one is under way no arena is made:
# all locks there are are the fork's, or are taken in their order by threads that come to an end. A
# mutex shows ThreadSanitizer who had a borrowed lock after whom.
function(alkaid_mend_jemalloc_handlers source)
  set(header "${source}/include/jemalloc/internal/mutex.h")
  alkaid_mend("${header}" "\t\t\tatomic_b_t\t\tlocked;\n"
    "\t\t\tatomic_b_t\t\tlocked;\n\t\t\tatomic_b_t\t\tforked;\n")
  alkaid_mend("${header}" "void malloc_mutex_lock_slow(malloc_mutex_t *mutex);\n"
    "void malloc_mutex_lock_slow(malloc_mutex_t *mutex);\n\
void malloc_mutex_lock_or_borrow(malloc_mutex_t *mutex);\n\
void malloc_mutex_give_back(void);\nvoid malloc_mutex_hand_over(void);\n\
void malloc_mutex_begin_fork(void);\nvoid malloc_mutex_end_fork(void);\n\
void malloc_mutex_end_fork_in_child(void);\nbool malloc_mutex_is_fork_under_way(void);\n")
  alkaid_mend("${header}" "\tMALLOC_MUTEX_LOCK(mutex);\n"
    "\tmalloc_mutex_lock_or_borrow(mutex);\n")
  alkaid_mend("${header}" "\t\tMALLOC_MUTEX_UNLOCK(mutex);\n"
    "\t\tif (atomic_load_b(&mutex->forked, ATOMIC_RELAXED)) {\n\
\t\t\tmalloc_mutex_give_back();\n\t\t} else {\n\t\t\tMALLOC_MUTEX_UNLOCK(mutex);\n\t\t}\n")

  set(code "${source}/src/mutex.c")
  string(CONCAT borrow
    "extern void _IO_list_lock(void) __attribute__((weak));\n"
    "extern void _IO_list_unlock(void) __attribute__((weak));\n\n"
    "static atomic_u_t forks_under_way = ATOMIC_INIT(0);\n"
    "static atomic_b_t fork_lasts = ATOMIC_INIT(false);\n"
    "static pthread_mutex_t handover = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;\n\n"
    "void\nmalloc_mutex_lock_or_borrow(malloc_mutex_t *mutex) {\n"
    "\tfor (unsigned waits = 0;; waits++) {\n"
    "\t\tif (waits == 5 && atomic_load_b(&mutex->forked, ATOMIC_ACQUIRE)) {\n"
    "\t\t\tatomic_store_b(&fork_lasts, true, ATOMIC_RELAXED);\n\t\t}\n"
    "\t\tif (_IO_list_lock != NULL && atomic_load_b(&fork_lasts, ATOMIC_RELAXED) &&\n"
    "\t\t    atomic_load_b(&mutex->forked, ATOMIC_ACQUIRE)) {\n"
    "\t\t\t_IO_list_lock();\n"
    "\t\t\tif (atomic_load_b(&mutex->forked, ATOMIC_ACQUIRE)) {\n"
    "\t\t\t\tpthread_mutex_lock(&handover);\n\t\t\t\treturn;\n\t\t\t}\n"
    "\t\t\t_IO_list_unlock();\n\t\t}\n"
    "\t\tstruct timespec until;\n\t\tclock_gettime(CLOCK_REALTIME, &until);\n"
    "\t\tuntil.tv_nsec += 2000000;\n"
    "\t\tif (until.tv_nsec >= 1000000000) {\n"
    "\t\t\tuntil.tv_nsec -= 1000000000;\n\t\t\tuntil.tv_sec++;\n\t\t}\n"
    "\t\tif (pthread_mutex_timedlock(&mutex->lock, &until) == 0) {\n\t\t\treturn;\n\t\t}\n"
    "\t}\n}\n\n"
    "void\nmalloc_mutex_give_back(void) {\n"
    "\tpthread_mutex_unlock(&handover);\n\t_IO_list_unlock();\n}\n\n"
    "void\nmalloc_mutex_hand_over(void) {\n"
    "\tpthread_mutex_lock(&handover);\n\tpthread_mutex_unlock(&handover);\n}\n\n"
    "void\nmalloc_mutex_begin_fork(void) {\n"
    "\tatomic_fetch_add_u(&forks_under_way, 1, ATOMIC_ACQ_REL);\n}\n\n"
    "void\nmalloc_mutex_end_fork(void) {\n"
    "\tatomic_store_b(&fork_lasts, false, ATOMIC_RELAXED);\n"
    "\tatomic_fetch_sub_u(&forks_under_way, 1, ATOMIC_ACQ_REL);\n}\n\n"
    "void\nmalloc_mutex_end_fork_in_child(void) {\n"
    "\tatomic_store_b(&fork_lasts, false, ATOMIC_RELAXED);\n"
    "\tatomic_store_u(&forks_under_way, 0, ATOMIC_RELEASE);\n}\n\n"
    "bool\nmalloc_mutex_is_fork_under_way(void) {\n"
    "\treturn atomic_load_u(&forks_under_way, ATOMIC_ACQUIRE) != 0;\n}\n\n")
  set(head "void\nmalloc_mutex_prof_data_reset(")
  alkaid_mend("${code}" "${head}" "${borrow}${head}")
  set(init "\tmutex_prof_data_init(&mutex->prof_data);\n#ifdef _WIN32\n")
  alkaid_mend("${code}" "${init}"
    "\tatomic_store_b(&mutex->forked, false, ATOMIC_RELAXED);\n${init}")
  set(prefork "malloc_mutex_prefork(tsdn_t *tsdn, malloc_mutex_t *mutex) {\n")
  alkaid_mend("${code}" "${prefork}\tmalloc_mutex_lock(tsdn, mutex);\n"
    "${prefork}\tMALLOC_MUTEX_LOCK(mutex);\n\
\tatomic_store_b(&mutex->locked, true, ATOMIC_RELAXED);\n\
\tmutex_owner_stats_update(tsdn, mutex);\n\
\twitness_lock(tsdn_witness_tsdp_get(tsdn), &mutex->witness);\n\
\tatomic_store_b(&mutex->forked, true, ATOMIC_RELEASE);\n\tmalloc_mutex_hand_over();\n")
  # An arena may have been made between the fork's count of them and its locks.
  set(postfork "malloc_mutex_postfork_parent(tsdn_t *tsdn, malloc_mutex_t *mutex) {\n")
  alkaid_mend("${code}" "${postfork}"
    "${postfork}\tif (!atomic_load_b(&mutex->forked, ATOMIC_RELAXED)) {\n\
\t\treturn;\n\t}\n\tatomic_store_b(&mutex->forked, false, ATOMIC_RELEASE);\n")

  set(code "${source}/src/jemalloc.c")
  alkaid_mend("${code}" "\ttsd = tsd_fetch();\n\n\tnarenas = narenas_total_get();\n"
    "\ttsd = tsd_fetch();\n\n\tmalloc_mutex_begin_fork();\n\tnarenas = narenas_total_get();\n")
  # Not while one is borrowed.
  set(first "\ttsd_postfork_parent(tsd);\n")
  alkaid_mend("${code}" "${first}"
    "\tif (_IO_list_lock != NULL) {\n\t\t_IO_list_lock();\n\t}\n\
\tmalloc_mutex_hand_over();\n${first}")
  set(last "\tctl_postfork_parent(tsd_tsdn(tsd));\n")
  alkaid_mend("${code}" "${last}" "${last}\tmalloc_mutex_end_fork();\n\
\tif (_IO_list_lock != NULL) {\n\t\t_IO_list_unlock();\n\t}\n")
  set(last "\tctl_postfork_child(tsd_tsdn(tsd));\n")
  alkaid_mend("${code}" "${last}" "${last}\tmalloc_mutex_end_fork_in_child();\n")
  set(head "#ifndef JEMALLOC_MUTEX_INIT_CB\nvoid\njemalloc_postfork_parent(void)\n")
  alkaid_mend("${code}" "${head}"
    "extern void _IO_list_lock(void) __attribute__((weak));\n\
extern void _IO_list_unlock(void) __attribute__((weak));\n\n${head}")
  set(head "\tif (ind == 0) {\n\t\tbase = b0get();\n")
  alkaid_mend("${source}/src/arena.c" "${head}"
    "\tif (malloc_mutex_is_fork_under_way()) {\n\t\treturn NULL;\n\t}\n${head}")
endfunction()

# EXTRA_CFLAGS takes no part in configure's own checks, so a sanitizer cannot confuse them.
function(alkaid_build_jemalloc source folder flags cflags)
  alkaid_mend_jemalloc_forks("${source}")
  alkaid_mend_jemalloc_tsd("${source}")
  alkaid_mend_jemalloc_arenas("${source}")
  alkaid_mend_jemalloc_pages("${source}")
  alkaid_mend_jemalloc_handlers("${source}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  alkaid_run("${source}" "jemalloc: configure" "${CMAKE_COMMAND}" -E env --unset=CFLAGS
             --unset=CPPFLAGS --unset=LDFLAGS "CC=${CMAKE_C_COMPILER}" "EXTRA_CFLAGS=${cflags}"
             ./configure ${flags})
  alkaid_run("${source}" "jemalloc: make" "${ALKAID_MAKE}" -j${ALKAID_JOBS} lib/libjemalloc_pic.a)
  file(MAKE_DIRECTORY "${folder}/lib" "${folder}/include/jemalloc")
  file(RENAME "${source}/lib/libjemalloc_pic.a" "${folder}/lib/libjemalloc.a")
  file(COPY "${source}/include/jemalloc/jemalloc.h" DESTINATION "${folder}/include/jemalloc")
  file(GLOB_RECURSE objects "${source}/*.o" "${source}/*.sym")
  file(REMOVE ${objects})
endfunction()

# mimalloc takes its options from the environment, in a set-uid program too, where that is the
# caller's: MIMALLOC_SHOW_STATS, MIMALLOC_RESERVE_OS_MEMORY and others. jemalloc asks secure_getenv.
# An empty environment and not none, which version 3 takes for one that cannot be read yet.
function(alkaid_mend_mimalloc_environment source)
  set(found "static char** mi_get_environ(void) {\n  return environ;\n}")
  set(mended "#include <sys/auxv.h>\nstatic char** mi_get_environ(void) {\n\
  static char* none[] = { NULL };\n  return (getauxval(AT_SECURE) != 0 ? none : environ);\n}")
  # Of version 2, and of version 3.
  foreach(file IN ITEMS src/options.c src/prim/unix/prim.c)
    if(EXISTS "${source}/${file}")
      file(READ "${source}/${file}" text)
      string(FIND "${text}" "${found}" at)
      if(NOT at EQUAL -1)
        string(REPLACE "${found}" "${mended}" text "${text}")
        file(WRITE "${source}/${file}" "${text}")
        return()
      endif()
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
    PINS
      2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa  # 5.3.0, upstream and Debian
    RECIPE alkaid_build_jemalloc
    FLAVOUR mended-with-loans
    CFLAGS "${ALKAID_ALLOCATOR_CFLAGS}"
    FLAGS "--with-jemalloc-prefix=je_alkaid_ --with-private-namespace=je_alkaid_private_ \
--without-export --disable-cxx --disable-libdl --disable-initial-exec-tls \
force_tls=0 --disable-shared --disable-doc")
  alkaid_allocator_target(jemalloc "${ALKAID_JEMALLOC_FOLDER}")
  target_link_libraries(alkaid_allocators INTERFACE alkaid_jemalloc)
else()
  target_compile_definitions(alkaid_allocators INTERFACE ALKAID_HAVE_JEMALLOC=0)
endif()

if(ALKAID_WITH_MIMALLOC)
  alkaid_cached_build(ALKAID_MIMALLOC_FOLDER mimalloc
    URL "${ALKAID_MIMALLOC_URL}"
    PINS
      cbc9d207ff105ad1f0cb739c378076143a6452b8d0624309cea0abfb040e972b  # 2.0.9, Debian's archive
      4a29edae32a914a706715e2ac8e7e4109e25353212edeed0888f4e3e15db5850  # 2.0.9, upstream's
      37107a52c16baa80c5f74861dddda7b27bb9949e41a6637691867a94c88ca446  # 3.4.1, upstream's
    RECIPE alkaid_build_mimalloc
    FLAVOUR ${mimalloc_flavour}
    CFLAGS "${mimalloc_cflags}"
    # MI_OPT_ARCH is of 3.x and would ask for instructions that an older processor lacks. Nothing is
    # collected at exit: it would read files of the system for it, which a program's filter of system
    # calls may not allow, and the library is never unloaded before.
    FLAGS "-DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DMI_OVERRIDE=OFF \
-DMI_LOCAL_DYNAMIC_TLS=ON -DMI_OPT_ARCH=OFF -DMI_BUILD_SHARED=OFF -DMI_BUILD_STATIC=ON \
-DMI_BUILD_OBJECT=OFF -DMI_BUILD_TESTS=OFF -DMI_SKIP_COLLECT_ON_EXIT=ON")
  alkaid_allocator_target(mimalloc "${ALKAID_MIMALLOC_FOLDER}")
  target_link_libraries(alkaid_allocators INTERFACE alkaid_mimalloc)
else()
  target_compile_definitions(alkaid_allocators INTERFACE ALKAID_HAVE_MIMALLOC=0)
endif()
