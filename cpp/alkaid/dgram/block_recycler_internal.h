// BlockRecycler: gives a reader's blocks a second life.
//
// A fresh block of megabytes is page-faulted in at a fraction of the speed at which a warm one is
// read into. So the Buffer that Take gives brings its block back here when its last view is gone,
// and the next Take finds it warm. At most kMostIdle blocks wait; once the recycler is closed they
// all go back to the pool, at once or as their Buffers go.
//
// Ownership: shared by the reader and by the Buffers; the pool is borrowed unless `pool_owner`
// shares it.
// Threads: Buffers may be dropped on any thread; Take from one at a time, or several.
// Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffer.h"

namespace alkaid::dgram::internal {

class ALKAID_EXPORT BlockRecycler : public std::enable_shared_from_this<BlockRecycler> {
 public:
  static constexpr size_t kMostIdle = 2;

  BlockRecycler(MemoryPool* pool, std::shared_ptr<void> pool_owner);

  // A mutable buffer of exactly `nbytes`, not initialised.
  Result<std::shared_ptr<Buffer>> Take(int64_t nbytes);
  // Gives idle blocks back to the pool, now and from now on.
  void Close();

  MemoryPool* pool() const { return pool_; }

 private:
  class RecycledBlock;
  void GiveBack(std::unique_ptr<Buffer> block);

  MemoryPool* const pool_;
  const std::shared_ptr<void> pool_owner_;
  bool closed_ = false;
  // Never more than kMostIdle, for which there is always room.
  std::vector<std::unique_ptr<Buffer>> idle_;
};

}  // namespace alkaid::dgram::internal
