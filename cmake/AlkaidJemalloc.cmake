# How jemalloc is mended and built. See AlkaidAllocators for its flags.
include_guard(GLOBAL)
include(AlkaidCache)

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
  # Nor is a cache used for which there was none: such a thread goes without. 5.3.1 does it by itself.
  set(already "\t\ttsd_tcache_enabled_set(tsd, false);\n\t\ttsd_slow_update(tsd);\n")
  alkaid_mend("${source}/src/tcache.c" "\t\ttsd_tcache_data_init(tsd);\n\t}\n\n\treturn false;\n"
    "\t\tif (tsd_tcache_data_init(tsd)) {\n\
\t\t\ttsd_tcache_enabled_set(tsd, false);\n\t\t\ttsd_slow_update(tsd);\n\t\t}\n\
\t}\n\n\treturn false;\n"
    "${already}" "${already}")
endfunction()

# A thread that no arena can be made for has the first one, instead of none, which jemalloc 5.3.0 follows.
function(alkaid_mend_jemalloc_arenas source)
  set(mended "\t\t\t\tis_new_arena[j] = arena != NULL;\n\
\t\t\t\tif (arena == NULL) {\n\t\t\t\t\tchoose[j] = 0;\n\
\t\t\t\t\tarena = arena_get(tsd_tsdn(tsd), 0, false);\n\t\t\t\t}\n")
  alkaid_mend("${source}/src/jemalloc.c" "\t\t\t\tif (arena == NULL) {\n\
\t\t\t\t\tmalloc_mutex_unlock(tsd_tsdn(tsd),\n\t\t\t\t\t    &arenas_lock);\n\
\t\t\t\t\treturn NULL;\n\t\t\t\t}\n\t\t\t\tis_new_arena[j] = true;\n"
    "${mended}"
    "\t\t\t\tif (arena == NULL) {\n\
\t\t\t\t\tmalloc_mutex_unlock(\n\t\t\t\t\t    tsd_tsdn(tsd), &arenas_lock);\n\
\t\t\t\t\treturn NULL;\n\t\t\t\t}\n\t\t\t\tis_new_arena[j] = true;\n"
    "${mended}")
endfunction()

# While it is loaded, jemalloc 5.3.0 tries on a page whether the kernel gives zeroes after
# MADV_DONTNEED, and writes to it where it got none. Linux does give them; only QEMU's imitation does not.
function(alkaid_mend_jemalloc_pages source)
  set(head "\tif (addr == MAP_FAILED) {\n")
  set(one_line "\t\tmalloc_write(\"<jemalloc>: Cannot allocate")
  set(two_lines "\t\tmalloc_write(\n\t\t    \"<jemalloc>: Cannot allocate")
  alkaid_mend("${source}/src/pages.c"
    "${head}${one_line}" "${head}\t\treturn 1;\n${one_line}"
    "${head}${two_lines}" "${head}\t\treturn 1;\n${two_lines}")
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
    "\t\t\tatomic_b_t\t\tlocked;\n\t\t\tatomic_b_t\t\tforked;\n"
    "\t\t\tatomic_b_t locked;\n" "\t\t\tatomic_b_t locked;\n\t\t\tatomic_b_t forked;\n")
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
  # An archive of the repository, such as Debian's of 5.3.1, has neither configure nor its version.
  if(NOT EXISTS "${source}/configure")
    alkaid_run("${source}" "jemalloc: autoconf" "${ALKAID_AUTOCONF}")
    file(STRINGS "${source}/ChangeLog" version REGEX "^\\* [0-9]+\\.[0-9]+\\.[0-9]+ " LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
    list(APPEND flags "--with-version=${version}-0-g0")
  endif()
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
