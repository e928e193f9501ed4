#include "alkaid/dgram/block_recycler.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::dgram {
namespace {

// Bytes. From this size on a block is laid out in huge pages: its first use then costs one fault
// for each where it would cost 512.
constexpr int64_t kHugeBlock = int64_t{4} << 20;
constexpr int64_t kHugePage = int64_t{2} << 20;

// One lock for all recyclers, taken twice a batch: a guarded lock must live for ever, and recyclers
// do not. A child that is forked while another thread gives a block back can still drop its own
// batches.
alkaid::internal::ForkGuarded<std::mutex>& RecyclersLock() {
  static auto* const lock = new alkaid::internal::ForkGuarded<std::mutex>;
  return *lock;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { RecyclersLock(); }

// The size of the Buffer is all of the block, with no padding, since the next Take may need it.
Result<std::unique_ptr<Buffer>> AllocateBlock(int64_t wanted, const PoolHandle& pool) {
  int64_t nbytes;
  if (RoundUpOverflow(wanted, kDefaultBufferAlignment, &nbytes)) nbytes = wanted;  // is refused
  if (nbytes < kHugeBlock) return AllocateBuffer(nbytes, pool);
  ALKAID_ASSIGN_OR_RAISE(std::unique_ptr<Buffer> block, AllocateBuffer(nbytes, kHugePage, pool));
  // Only advice: nothing is lost where the system ignores it.
  (void)::madvise(block->mutable_data(), static_cast<size_t>(nbytes / kHugePage * kHugePage),
                  MADV_HUGEPAGE);
  return block;
}

}  // namespace

// The root that batches hold: a block of the pool, on loan.
class BlockRecycler::RecycledBlock final : public MutableBuffer {
 public:
  RecycledBlock(std::unique_ptr<Buffer> block, int64_t nbytes,
                std::shared_ptr<BlockRecycler> recycler)
      : MutableBuffer(block->mutable_data(), nbytes, block->memory_manager()),
        block_(std::move(block)),
        recycler_(std::move(recycler)) {
    capacity_ = block_->capacity();
  }
  ~RecycledBlock() override {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      NotifyRelease();
    recycler_->GiveBack(std::move(block_));
  }

 private:
  std::unique_ptr<Buffer> block_;
  std::shared_ptr<BlockRecycler> recycler_;
};

BlockRecycler::BlockRecycler(PoolHandle pool, Label label, size_t most_idle)
    : pool_(pool.OrDefault()), label_(label), most_idle_(most_idle) {
  idle_.reserve(most_idle_ + 1);
}

Result<std::shared_ptr<Buffer>> BlockRecycler::Take(int64_t nbytes, int64_t block_nbytes) try {
  std::unique_ptr<Buffer> block;
  std::unique_ptr<Buffer> too_small;
  if (RecyclersLock().LockUnlessForking()) {
    const std::lock_guard lock(RecyclersLock(), std::adopt_lock);
    const auto fits = [&](const std::unique_ptr<Buffer>& b) { return b->size() >= nbytes; };
    // The block that came back last is the warmest.
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(), fits);
    if (found != idle_.rend()) {
      block = std::move(*found);
      idle_.erase(std::next(found).base());
    } else if (!idle_.empty()) {
      too_small = std::move(idle_.front());
      idle_.erase(idle_.begin());
    }
  }
  if (block == nullptr) {
    too_small.reset();
    const ScopedDefaultLabel label(label_);
    ALKAID_ASSIGN_OR_RAISE(block, AllocateBlock(std::max(nbytes, block_nbytes), pool_));
  }
  return std::make_shared<RecycledBlock>(std::move(block), nbytes, shared_from_this());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void BlockRecycler::GiveBack(std::unique_ptr<Buffer> block) {
  std::unique_ptr<Buffer> surplus;
  if (!RecyclersLock().LockUnlessForking()) return;  // the block goes to the pool
  const std::lock_guard lock(RecyclersLock(), std::adopt_lock);
  if (closed_) {
    surplus = std::move(block);
    return;
  }
  idle_.push_back(std::move(block));
  if (idle_.size() > most_idle_) {
    surplus = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
}

void BlockRecycler::Close() {
  std::vector<std::unique_ptr<Buffer>> idle;
  const std::lock_guard lock(RecyclersLock());
  closed_ = true;
  idle.swap(idle_);
}

}  // namespace alkaid::dgram
