// What the kernel reports about this process's memory.
//
// Source: /proc/self/statm (proc(5)), whose first two fields are VmSize and VmRSS of
// /proc/self/status in pages. The kernel batches the counts of each thread: VmRSS may be wrong by
// dozens of pages for each thread, VmSize is exact.
//
// Ownership: values. Threads: any. Allocates only for messages, so measuring does not change the
// figures; out of memory for one: kResourceExhausted.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::growth {

// In bytes.
struct ProcessMemory {
  int64_t vm = 0;   // address space
  int64_t rss = 0;  // the part of it that is in memory
};

// Fails as errno maps where /proc is not mounted; kDataLoss where the file does not read as proc(5)
// says.
ALKAID_EXPORT Result<ProcessMemory> ReadProcessMemory();

}  // namespace alkaid::growth
