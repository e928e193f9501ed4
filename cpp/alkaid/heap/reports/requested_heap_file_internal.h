// HeapFileRequest: a requested heap file, its name, and how it is written whatever fails.
//
// Ownership: a request shares its pattern. Threads: all functions, from any thread; one counter
// numbers the files of the process. Out of memory: a request cannot be made. Writing its file
// releases the reserve first (memory_reserve_internal.h); if that is not enough, a line says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::heap {

// A copy allocates nothing.
struct HeapFileRequest {
  std::shared_ptr<const std::string> pattern;  // null: no request
  uint32_t owner = 0;                          // the process that was asked
};

enum class RequestedBy { kSignal, kCall, kExit };

// `owner`: as in WriteHeapFileOnSignal. kInvalidArgument for an empty pattern. May throw
// std::bad_alloc.
ALKAID_EXPORT Result<HeapFileRequest> MakeHeapFileRequest(const std::string& pattern,
                                                          uint32_t owner);

// There is a request: sets memory aside for it, in forked children too.
ALKAID_EXPORT void ExpectRequestedHeapFiles();
// Releases that memory until the next file on a signal or a call is complete.
ALKAID_EXPORT void LetGoOfHeapFileReserve();

// Takes a snapshot, named "exit", "signal N" or `name`, and writes it. Unless it is for the exit,
// this starts tracking if it is off, and prints a line about what was written. A failure always
// prints a line. Does nothing on a thread that a filter of system calls would end for it.
ALKAID_EXPORT void WriteRequestedHeapFile(const HeapFileRequest& request, RequestedBy by,
                                          std::string_view name = "") noexcept;

// Prints why there is no file, with the name that it would have had. Needs no memory.
ALKAID_EXPORT void SayNoHeapFile(const HeapFileRequest& request, std::string_view why) noexcept;

}  // namespace alkaid::heap
