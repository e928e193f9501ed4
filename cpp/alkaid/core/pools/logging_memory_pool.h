// A pool that logs every call.
//
// One line per call, written as a whole, so that lines of several threads do not mix:
//
//   Allocate: size = 100, alignment = 64, out = 0x7f1a40
//   Reallocate: old_size = 100, new_size = 4096, alignment = 64, ptr = 0x7f1a40, out = 0x7f2b80
//   Free: size = 4096, alignment = 64, ptr = 0x7f2b80
//
// A failed call ends in `failed: ` and the status instead of `out`; a call in which the wrapped
// pool threw ends in `failed: threw an exception`. Everything else, statistics included, is the
// wrapped pool's.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr; borrows the stream.
// Threads: all functions, from any thread. All logging pools of the process take turns at writing,
// so they may share a stream. The stream must not use pools itself: it is written to under a lock
// that a fork takes as well.
// Out of memory: as the wrapped pool; a line that cannot be written is lost, and the call goes on.
#pragma once

#include <iosfwd>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"

namespace alkaid {

class ALKAID_EXPORT LoggingMemoryPool : public ForwardingMemoryPool {
 public:
  // Without a stream the lines go to std::cout.
  explicit LoggingMemoryPool(PoolHandle pool);
  LoggingMemoryPool(PoolHandle pool, std::ostream& log);
  ~LoggingMemoryPool() override = default;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // Errors of these two: as the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

 private:
  std::ostream* log_;
};

}  // namespace alkaid
