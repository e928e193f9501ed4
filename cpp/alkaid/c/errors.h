// Errors and versions of the C interface.
//
// Ownership: all texts belong to the library. Threads: the message is the calling thread's own.
// Out of memory: where there is none for a message, it says that; the code is right all the same.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ALKAID_C_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

// Counts the breaks of this interface. A program runs with any library of the same number that is
// not older than the one it was compiled for: functions, members and codes are only added.
#define ALKAID_C_ABI 1

// What came of a call. Numbers keep their meaning; a newer library may return one that is not here.
enum {
  ALKAID_OK = 0,
  // An allocator failed, or a limit would be passed.
  ALKAID_OUT_OF_MEMORY = 1,
  // An argument makes no sense, NULL where an object is needed among them.
  ALKAID_INVALID = 2,
  // An index or an offset lies outside.
  ALKAID_OUT_OF_RANGE = 3,
  // The bytes that were read are malformed.
  ALKAID_DATA_LOSS = 4,
  // Not supported here: a backend that the build lacks, a copy that no device can make.
  ALKAID_NOT_IMPLEMENTED = 5,
  // An unknown name, field or file.
  ALKAID_NOT_FOUND = 6,
  ALKAID_ALREADY_EXISTS = 7,
  // A call that comes too early or too late.
  ALKAID_FAILED_PRECONDITION = 8,
  // The operating system refused: no permission; for now; the call was cancelled.
  ALKAID_PERMISSION_DENIED = 9,
  ALKAID_UNAVAILABLE = 10,
  ALKAID_CANCELLED = 11,
  ALKAID_DEADLINE_EXCEEDED = 12,
  ALKAID_ABORTED = 13,
  ALKAID_UNAUTHENTICATED = 14,
  // A fault of the library.
  ALKAID_INTERNAL = 15,
  // An error of the operating system without a code of its own, or an exception of the program's
  // own code (a registered backend) that is no std::bad_alloc.
  ALKAID_UNKNOWN = 16
};
typedef int32_t alkaid_status;

// "OUT_OF_MEMORY" and so on; "(unknown status)" for other numbers. Static storage.
ALKAID_C_EXPORT const char* alkaid_status_name(alkaid_status status);

// The message of the last call that failed on this thread, which names the function and what was
// wrong: "alkaid_buffer_slice: argument 'buffer' is NULL". "" where none failed yet. Never NULL.
// Calls that succeed leave it; it is there until the next one that fails on this thread. At most
// 4095 bytes; a longer one is cut.
ALKAID_C_EXPORT const char* alkaid_last_error(void);
// Makes it "" again.
ALKAID_C_EXPORT void alkaid_clear_error(void);

// "major.minor.patch" of the library that this process loaded. Static storage.
ALKAID_C_EXPORT const char* alkaid_version(void);
// Its ALKAID_C_ABI.
ALKAID_C_EXPORT int32_t alkaid_c_abi(void);

#ifdef __cplusplus
}
#endif
