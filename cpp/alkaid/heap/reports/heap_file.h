// Heap files: heap snapshots in files. docs/heap-file.md has the format.
//
// Ownership: nothing is kept. Threads: all functions, from any thread.
// Out of memory: kResourceExhausted.
// Errors:
// - kDataLoss, with the file's name and the byte offset: not a heap file, cut short, damaged, or of
//   an unknown version;
// - kInvalidArgument, before anything is read: not a regular file, or larger than
//   kMaxHeapFileBytes;
// - as errno maps, if the system refuses.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

inline constexpr uint32_t kHeapFileVersion = 1;
// About 80 million blocks. A larger file is neither written nor read.
inline constexpr int64_t kMaxHeapFileBytes = int64_t{8} << 30;

// Writes the whole file or none, as io::DurableFileOutputStream does. Only the file's owner may
// read it, since it has the first bytes of every block.
ALKAID_EXPORT Status WriteHeapFile(const HeapSnapshot& snapshot, const std::string& path);
// Writes the same bytes to a stream, which stays open.
ALKAID_EXPORT Status WriteHeap(const HeapSnapshot& snapshot, io::OutputStream* stream);

ALKAID_EXPORT Result<HeapSnapshot> ReadHeapFile(const std::string& path);
// From the bytes of a file. Messages call it `name`.
ALKAID_EXPORT Result<HeapSnapshot> ParseHeap(const void* data, int64_t nbytes,
                                             const std::string& name);

}  // namespace alkaid::heap
