// What the kernel says of this process's memory.
//
// Source: /proc/self/statm (proc(5)), whose first two fields are VmSize and VmRSS of
// /proc/self/status in pages. The kernel batches the counts of each thread: VmRSS may be off by
// some dozens of pages a thread, VmSize is exact.
//
// Ownership: values. Threads: any. Allocates nothing but messages, so that
// measuring does not change the figure; out of memory for one: kResourceExhausted.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::growth {

// In bytes.
struct ProcessMemory {
  int64_t vm = 0;   // address space
  int64_t rss = 0;  // what of it is in memory
};

// As errno maps where /proc is not mounted; kDataLoss where it reads otherwise than proc(5)
// says.
ALKAID_EXPORT Result<ProcessMemory> ReadProcessMemory();

}  // namespace alkaid::growth
