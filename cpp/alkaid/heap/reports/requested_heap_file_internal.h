// One heap file that was asked for: its name, and the writing of it, whatever fails.
//
// Ownership: a request shares its pattern. Threads: all functions, from any thread; the files of a
// process have one count. Out of memory: a request cannot be made; making its file gets what was
// set aside before (memory_reserve_internal.h), and where that is not enough a line says so.
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
  std::shared_ptr<const std::string> pattern;  // null: nothing
  uint32_t owner = 0;                          // the process that was asked
};

enum class RequestedBy { kSignal, kCall, kExit };

// `owner` as WriteHeapFileOnSignal has it. kInvalidArgument for no name; may throw std::bad_alloc.
ALKAID_EXPORT Result<HeapFileRequest> MakeHeapFileRequest(const std::string& pattern,
                                                          uint32_t owner);

// A request stands: memory is set aside for it, in forked children too.
ALKAID_EXPORT void ExpectRequestedHeapFiles();
// Until the next file that a signal asks for is made.
ALKAID_EXPORT void LetGoOfHeapFileReserve();

// Takes a snapshot, named "exit", "signal N" or as the call asks, and writes it. Where it is not the
// exit that asks, tracking begins if it is off, and a line says what was written; why there is no file
// is a line always. Does nothing on a thread that a filter of system calls ends for it.
ALKAID_EXPORT void WriteRequestedHeapFile(const HeapFileRequest& request, RequestedBy by,
                                          std::string_view name = "") noexcept;

// The line that says why there is no file, by the name that it would have had. Needs no memory.
ALKAID_EXPORT void SayNoHeapFile(const HeapFileRequest& request, std::string_view why) noexcept;

}  // namespace alkaid::heap
