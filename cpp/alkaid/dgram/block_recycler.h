// BlockRecycler: lets a reader reuse its blocks while they are warm.
//
// Page faults fill a fresh block of megabytes at a fraction of the speed at which a warm one is
// read into. So the block of a Buffer that Take returned comes back here when its last view is
// gone, and the next Take reuses it. At most `most_idle` blocks wait. Once the recycler is closed,
// all blocks go back to the pool: idle ones at once, the others when their Buffers go.
//
// Ownership: shared by the reader and by the Buffers; a borrowed pool must outlive both.
// Threads: Buffers may be dropped on any thread; Take from any thread, also several at a time.
// Out of memory: Take returns kResourceExhausted, also where operator new fails; a block that was
// idle is then idle again or back in the pool. Making a recycler throws std::bad_alloc. Giving a
// block back, and Close, need no memory.
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
  static constexpr size_t kMaxIdle = 2;

  // Must be made by std::make_shared. `pool` null: the default. `label` is given to its blocks
  // where the reading thread has no label of its own.
  BlockRecycler(PoolHandle pool, Label label, size_t most_idle = kMaxIdle);

  // A mutable buffer of exactly `nbytes`, not initialised. A block that is allocated for it has at
  // least `block_nbytes`, so that it serves for larger requests too.
  Result<std::shared_ptr<Buffer>> Take(int64_t nbytes, int64_t block_nbytes = 0);
  // Gives idle blocks back to the pool, now and from now on.
  void Close();

  MemoryPool* pool() const { return pool_.get(); }

 private:
  class RecycledBlock;
  void GiveBack(std::unique_ptr<Buffer> block);

  const PoolHandle pool_;
  const Label label_;
  const size_t most_idle_;
  bool closed_ = false;
  // At most most_idle_ between calls; room is reserved.
  std::vector<std::unique_ptr<Buffer>> idle_;
};

}  // namespace alkaid::dgram
