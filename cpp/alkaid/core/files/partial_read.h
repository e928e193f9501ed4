// Reads up to a place that cannot be read, such as a bad sector of a disk.
//
// A read that fails returns none of the bytes before that place. So the range is read again in
// steps, down to a sector; the first step that fails shows where the place is. This is done only
// for a fault of the place itself. If the file may come back (kUnavailable) or memory is short
// (kResourceExhausted), the caller must repeat the read.
//
// Ownership: none. Threads: as the file. Out of memory: kResourceExhausted, from the file.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

struct PartialRead {
  // Bytes read; fewer than requested at the end of the file, or if `failure` is set.
  int64_t nbytes = 0;
  // Why the file gives no more; OK if all was read, or the file ended.
  Status failure;
};

// ReadAt; if it fails, reads the bytes before the place that fails.
ALKAID_EXPORT PartialRead ReadUpToFailure(RandomAccessFile& file, int64_t position, int64_t nbytes,
                                          void* out);
// The same after a read of this range failed with `failure`.
ALKAID_EXPORT PartialRead ReadBeforeFailure(RandomAccessFile& file, int64_t position,
                                            int64_t nbytes, void* out, Status failure);

}  // namespace alkaid::io
