// BlockRecycler: gives a reader's blocks a second life.
//
// A fresh block of megabytes is page-faulted in at a fraction of the speed at which a warm one is
// read into. So the Buffer that Take gives brings its block back here when its last view is gone,
// and the next Take finds it warm. At most `most_idle` blocks wait; once the recycler is closed
// they all go back to the pool, at once or as their Buffers go.
//
// Ownership: shared by the reader and by the Buffers; the pool is borrowed unless `pool_owner`
// shares it.
// Threads: Buffers may be dropped on any thread; Take from one at a time, or several.
// Out of memory: Take says kResourceExhausted, where operator new has none too, and a block that
// was idle is then idle again or with the pool; making a recycler throws std::bad_alloc. Giving a
// block back, and Close, need none.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"

namespace alkaid::dgram {

class ALKAID_EXPORT BlockRecycler : public std::enable_shared_from_this<BlockRecycler> {
 public:
  static constexpr size_t kMostIdle = 2;

  // Must be made by std::make_shared. `pool` null: the default. `label` is that of its blocks where
  // the reading thread has none of its own.
  BlockRecycler(MemoryPool* pool, std::shared_ptr<void> pool_owner, Label label,
                size_t most_idle = kMostIdle);

  // A mutable buffer of exactly `nbytes`, not initialised. A block that is allocated for it gets
  // `block_nbytes` where that is more, so that it serves for larger ones too.
  Result<std::shared_ptr<Buffer>> Take(int64_t nbytes, int64_t block_nbytes = 0);
  // Gives idle blocks back to the pool, now and from now on.
  void Close();

  MemoryPool* pool() const { return pool_; }

 private:
  class RecycledBlock;
  void GiveBack(std::unique_ptr<Buffer> block);

  MemoryPool* const pool_;
  const std::shared_ptr<void> pool_owner_;
  const Label label_;
  const size_t most_idle_;
  bool closed_ = false;
  // Never more than most_idle_, for which there is always room.
  std::vector<std::unique_ptr<Buffer>> idle_;
};

}  // namespace alkaid::dgram
