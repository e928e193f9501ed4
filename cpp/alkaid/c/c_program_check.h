/* What the parts of c_program_test.c share. For C90 and later. */
#ifndef ALKAID_C_PROGRAM_CHECK_H
#define ALKAID_C_PROGRAM_CHECK_H

#include <alkaid/c/alkaid.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                      \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
              alkaid_last_error());                                                           \
      exit(1);                                                                                \
    }                                                                                         \
  } while (0)
#define CHECK_OK(call) CHECK((call) == ALKAID_OK)

/* Each part: c_program_data.c and c_program_exchange.c. `folder` has the files of
   fixtures/run_files.h. */
void check_datagrams(const char* folder);
void check_events(const char* folder);
void check_exchange(const char* folder);
/* Opens folder/name, and goes to its datagram of that index. */
alkaid_dgram* datagram_of(const char* folder, const char* name, int64_t index);

/* Defined in c_program_files_test.cc. */
#ifdef __cplusplus
extern "C"
#endif
    void
    write_run_files(const char* folder);

#endif
