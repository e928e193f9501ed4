// Reading up to a place that cannot be read, as a bad sector of a disk is.
//
// A read that fails gives nothing of what lies before the place. So it is read again in steps, down
// to those of a sector, and the first that fails says where that is. Only where the file says that
// the place is at fault: when the file may come back (kUnavailable) or memory is short
// (kResourceExhausted) the caller tries again himself.
//
// Ownership: none. Threads: as the file. Out of memory: kResourceExhausted as the file says it.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

struct PartialRead {
  // Bytes read; fewer than asked at the end of the file, or where `failure` is.
  int64_t nbytes = 0;
  // Why the file gives no more; OK where all was read, or the file ended.
  Status failure;
};

// ReadAt, and where that fails with what lies before the place that fails.
ALKAID_EXPORT PartialRead ReadUpToFailure(RandomAccessFile& file, int64_t position, int64_t nbytes,
                                          void* out);
// The same after a read of these bytes that failed with `failure`.
ALKAID_EXPORT PartialRead ReadBeforeFailure(RandomAccessFile& file, int64_t position,
                                            int64_t nbytes, void* out, Status failure);

}  // namespace alkaid::io
