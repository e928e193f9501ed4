// Files of heap snapshots. The format is in docs/heap-file.md.
//
// Ownership: nothing is kept. Threads: all functions, from any thread.
// Out of memory: kResourceExhausted.
// Errors: kDataLoss, with the file's name and the byte offset, for what is no heap file, is cut
// short, damaged, or of a version that this library does not know; kInvalidArgument for what is no
// regular file or is larger than kMostHeapFileBytes, before it is read; as errno maps where the
// system refuses.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

inline constexpr uint32_t kHeapFileVersion = 1;
// Some 80 million blocks. A larger file is neither written nor read.
inline constexpr int64_t kMostHeapFileBytes = int64_t{8} << 30;

// Makes the file whole or not at all, as io::DurableFileOutputStream does, and for its owner alone:
// it has the first bytes of every block.
ALKAID_EXPORT Status WriteHeapFile(const HeapSnapshot& snapshot, const std::string& path);
// The bytes of such a file, to a stream that stays open.
ALKAID_EXPORT Status WriteHeap(const HeapSnapshot& snapshot, io::OutputStream* stream);

ALKAID_EXPORT Result<HeapSnapshot> ReadHeapFile(const std::string& path);
// From the bytes of a file. `name` is what messages call it.
ALKAID_EXPORT Result<HeapSnapshot> ParseHeap(const void* data, int64_t nbytes,
                                             const std::string& name);

}  // namespace alkaid::heap
