// The part of the pool contract that looks at addresses.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "alkaid/testing/pool_contract_internal.h"

namespace alkaid {
namespace {

using internal::AllAlignments;
using internal::Block;
using internal::ContractRule;
using internal::IsAligned;

constexpr int64_t kSizes[] = {1, 2, 3, 8, 63, 64, 65, 100, 4095, 4096, 4097, 65536, 300'000};

// Every power of two up to `largest`, and what lies beside it. Allocators round sizes up to words,
// granules and cache lines, and take powers of two for a case of their own; the debug mode of pools
// asks them for 16 bytes more than the caller did.
std::set<int64_t> PowersOfTwoAndNeighbours(int64_t largest) {
  std::set<int64_t> sizes;
  for (int64_t power = 1; power <= largest; power *= 2) {
    for (const int64_t beside : {0, 1, 8, 16, 63, 64}) {
      sizes.insert(power + beside);
      if (power > beside) sizes.insert(power - beside);
    }
  }
  return sizes;
}

// Blocks of one size and alignment that are live together: the first of them may lie right by
// chance, where the next ones do not. Only the ends of each are touched, for filling them would
// take longer than all the rest.
class LiveTogether {
 public:
  LiveTogether(MemoryPool& pool, int64_t size, int64_t alignment)
      : pool_(pool), size_(size), alignment_(alignment) {}
  LiveTogether(const LiveTogether&) = delete;
  LiveTogether& operator=(const LiveTogether&) = delete;
  ~LiveTogether() {
    for (uint8_t* const block : blocks_) pool_.Free(block, size_, alignment_);
  }

  void AddAllocated() {
    uint8_t* block = nullptr;
    ASSERT_THAT(pool_.Allocate(size_, alignment_, &block), IsOk());
    blocks_.push_back(block);
    block[0] = block[size_ - 1] = static_cast<uint8_t>(blocks_.size());
    ASSERT_TRUE(IsAligned(block, alignment_)) << "the block that came as number " << blocks_.size();
  }

  void AddReallocated(int64_t old_size) {
    uint8_t* block = nullptr;
    ASSERT_THAT(pool_.Allocate(old_size, alignment_, &block), IsOk());
    const int64_t kept = std::min(old_size, size_);
    const auto mark = static_cast<uint8_t>(blocks_.size() + 1);
    block[0] = block[kept - 1] = mark;
    const Status status = pool_.Reallocate(old_size, size_, alignment_, &block);
    if (!status.ok()) pool_.Free(block, old_size, alignment_);
    ASSERT_THAT(status, IsOk());
    blocks_.push_back(block);
    ASSERT_TRUE(block[0] == mark && block[kept - 1] == mark) << "content lost";
    block[size_ - 1] = mark;
    ASSERT_TRUE(IsAligned(block, alignment_)) << "the block that came as number " << blocks_.size();
  }

 private:
  MemoryPool& pool_;
  const int64_t size_;
  const int64_t alignment_;
  std::vector<uint8_t*> blocks_;
};

// Bytes; kMaxCopied is for reallocations, which copy. A sanitizer's allocator takes 100 times
// as long for blocks that are large or widely aligned, and is not what is tested.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kMax = 256 << 10;
constexpr int64_t kMaxCopied = 16 << 10;
constexpr int kLargeTogether = 1;
#else
constexpr int64_t kMax = 4 << 20;
constexpr int64_t kMaxCopied = 1 << 20;
constexpr int kLargeTogether = 3;
#endif

int HowManyTogether(int64_t size, int64_t alignment) {
  constexpr int64_t kSmall = 64 << 10;
  return size <= kSmall && alignment <= kSmall ? 6 : kLargeTogether;
}

void EveryPowerOfTwoAndItsNeighboursAreAligned(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    for (const int64_t size : PowersOfTwoAndNeighbours(kMax)) {
      SCOPED_TRACE(::testing::Message() << size << " bytes aligned to " << alignment);
      LiveTogether blocks(pool, size, alignment);
      for (int i = 0; i < HowManyTogether(size, alignment); ++i) {
        ASSERT_NO_FATAL_FAILURE(blocks.AddAllocated());
      }
    }
  }
}

// By growing and by shrinking, from sizes that are powers of two where the new one is.
void ReallocationIntoPowersOfTwoKeepsAlignment(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    for (const int64_t size : PowersOfTwoAndNeighbours(kMaxCopied)) {
      for (const int64_t old_size : {std::max<int64_t>(size / 2, 1), size * 4}) {
        SCOPED_TRACE(::testing::Message()
                     << old_size << " to " << size << " bytes aligned to " << alignment);
        LiveTogether blocks(pool, size, alignment);
        for (int i = 0; i < HowManyTogether(size, alignment); ++i) {
          ASSERT_NO_FATAL_FAILURE(blocks.AddReallocated(old_size));
        }
      }
    }
  }
}

void EveryAlignmentIsKeptForEverySize(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    for (const int64_t size : kSizes) {
      SCOPED_TRACE(::testing::Message() << size << " bytes aligned to " << alignment);
      Block block(pool, alignment, 1);
      ASSERT_THAT(block.Allocate(size), IsOk());
      ASSERT_NE(block.data(), nullptr);
      ASSERT_TRUE(IsAligned(block.data(), alignment));
      ASSERT_TRUE(block.Holds());
    }
  }
}

void WithoutAnAlignmentBlocksAreAlignedTo64(MemoryPool& pool) {
  for (const int64_t size : kSizes) {
    uint8_t* data = nullptr;
    ASSERT_THAT(pool.Allocate(size, &data), IsOk());
    EXPECT_TRUE(IsAligned(data, kDefaultBufferAlignment)) << size;
    ASSERT_THAT(pool.Reallocate(size, size + 1, &data), IsOk());
    EXPECT_TRUE(IsAligned(data, kDefaultBufferAlignment)) << size;
    pool.Free(data, size + 1);
  }
}

void ReallocationKeepsContentsAndAlignment(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    Block block(pool, alignment, 6);
    ASSERT_THAT(block.Allocate(1), IsOk());
    for (const int64_t size : {100, 64, 65, 65, 4096, 100'000, 400'000, 70'000, 4097, 1, 64, 1}) {
      SCOPED_TRACE(::testing::Message() << size << " bytes aligned to " << alignment);
      ASSERT_THAT(block.Reallocate(size), IsOk());
      ASSERT_TRUE(IsAligned(block.data(), alignment));
      ASSERT_TRUE(block.Holds());
    }
  }
}

// A body that is missing here is an unused function, about which the compiler warns.
constexpr ContractRule kContract[] = {
    {"EveryAlignmentIsKeptForEverySize", EveryAlignmentIsKeptForEverySize},
    {"EveryPowerOfTwoAndItsNeighboursAreAligned", EveryPowerOfTwoAndItsNeighboursAreAligned},
    {"ReallocationIntoPowersOfTwoKeepsAlignment", ReallocationIntoPowersOfTwoKeepsAlignment},
    {"WithoutAnAlignmentBlocksAreAlignedTo64", WithoutAnAlignmentBlocksAreAlignedTo64},
    {"ReallocationKeepsContentsAndAlignment", ReallocationKeepsContentsAndAlignment},
};

}  // namespace

namespace internal {

std::span<const ContractRule> AlignmentContract() { return kContract; }

}  // namespace internal
}  // namespace alkaid
