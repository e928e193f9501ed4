// Errors and versions of the C interface.
//
// Ownership: all texts belong to the library. Threads: each thread has its own message. Out of
// memory: the code of a call is still right, and its message is a fixed text that says so.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ALKAID_C_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

// The number of this interface, which increases when the interface breaks. A program runs with any
// library of the same number that is not older than the one it was compiled for: functions, members
// and codes are only added.
#define ALKAID_C_ABI 1

// The result of a call. Numbers keep their meaning; a newer library may return one that is not
// here.
enum {
  ALKAID_OK = 0,
  // An allocator failed, or a limit would be passed.
  ALKAID_OUT_OF_MEMORY = 1,
  // An argument is invalid; for instance NULL where an object is required.
  ALKAID_INVALID = 2,
  // An index or offset is out of range.
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
  // The operating system denied permission.
  ALKAID_PERMISSION_DENIED = 9,
  // The operating system cannot do it at present.
  ALKAID_UNAVAILABLE = 10,
  // The operating system cancelled the call.
  ALKAID_CANCELLED = 11,
  // A time limit passed.
  ALKAID_DEADLINE_EXCEEDED = 12,
  // The operating system found a conflict, such as a deadlock.
  ALKAID_ABORTED = 13,
  // Credentials are missing or wrong.
  ALKAID_UNAUTHENTICATED = 14,
  // A fault of the library.
  ALKAID_INTERNAL = 15,
  // An error of the operating system without a code of its own; or an exception other than
  // std::bad_alloc from the program's own code (a registered backend).
  ALKAID_UNKNOWN = 16
};
typedef int32_t alkaid_status;

// "OUT_OF_MEMORY" and so on; "(unknown status)" for other numbers. Static storage.
ALKAID_C_EXPORT const char* alkaid_status_name(alkaid_status status);

// The message of the last failed call on this thread, which names the function and the fault:
// "alkaid_buffer_slice: argument 'buffer' is NULL". "" if none has failed yet. Never NULL.
// Successful calls leave it; it is valid until the next failure on this thread. At most 4095 bytes;
// a longer one is cut.
ALKAID_C_EXPORT const char* alkaid_last_error(void);
// Resets the message to "".
ALKAID_C_EXPORT void alkaid_clear_error(void);

// "major.minor.patch" of the library that this process loaded. Static storage.
ALKAID_C_EXPORT const char* alkaid_version(void);
// The ALKAID_C_ABI of that library.
ALKAID_C_EXPORT int32_t alkaid_c_abi(void);

#ifdef __cplusplus
}
#endif
