// A cache of blocks over a pool with a limit: readers get slices, the oldest block makes room.
#include <alkaid/core/memory.h>

#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <utility>

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;

class Cache {
 public:
  explicit Cache(int64_t limit) : pool_(alkaid::system_memory_pool(), limit) {}

  // 100 bytes of block `number`, which is read first where it is not there.
  Result<std::shared_ptr<Buffer>> Slice(int number, int64_t offset) {
    ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> block, Block(number));
    return alkaid::SliceBufferSafe(block, offset, 100);
  }
  int64_t bytes() const { return pool_.bytes_allocated(); }

 private:
  Result<std::shared_ptr<Buffer>> Block(int number) {
    for (const auto& [known, block] : blocks_) {
      if (known == number) return block;
    }
    auto room = alkaid::AllocateBuffer(kBlockBytes, &pool_);
    while (absl::IsResourceExhausted(room.status()) && !blocks_.empty()) {
      std::cout << "drop " << blocks_.front().first << ": " << room.status().message() << "\n";
      blocks_.pop_front();
      room = alkaid::AllocateBuffer(kBlockBytes, &pool_);
    }
    if (!room.ok()) return room.status();
    std::shared_ptr<Buffer> block = *std::move(room);
    std::memset(block->mutable_data(), 'a' + number, kBlockBytes);  // stands for a read
    blocks_.emplace_back(number, block);
    return block;
  }

  static constexpr int64_t kBlockBytes = 4096;
  alkaid::CappedMemoryPool pool_;
  std::deque<std::pair<int, std::shared_ptr<Buffer>>> blocks_;  // go before the pool does
};

Status Run() {
  Cache cache(3 * 4096);
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> kept, cache.Slice(0, 0));
  for (int number = 1; number < 4; ++number) {
    ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> slice, cache.Slice(number, 2000));
    std::cout << slice->ToString().substr(0, 3) << ", " << cache.bytes() << " bytes live\n";
  }
  std::cout << "still there: " << kept->ToString().substr(0, 3) << "\n";
  kept.reset();
  std::cout << cache.bytes() << " bytes live\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
