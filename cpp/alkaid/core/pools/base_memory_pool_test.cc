#include "alkaid/core/pools/base_memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace alkaid {
namespace {

using ::testing::HasSubstr;

// Records the calls that reached it; refuses on demand. Shared state, as a stateful backend has.
struct Calls {
  std::vector<std::string> made;
  bool refuse = false;
};

struct RecordingAllocator {
  Calls* calls;

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    if (calls->refuse) return internal::AllocatorRefused("allocate", "recording", size, alignment);
    calls->made.push_back(absl::StrCat("allocate ", size, "@", alignment));
    *out = static_cast<uint8_t*>(std::malloc(static_cast<size_t>(size)));
    return absl::OkStatus();
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    if (calls->refuse) {
      return internal::AllocatorRefused("reallocate to", "recording", new_size, alignment);
    }
    calls->made.push_back(absl::StrCat("reallocate ", old_size, "->", new_size, "@", alignment));
    *ptr = static_cast<uint8_t*>(std::realloc(*ptr, static_cast<size_t>(new_size)));
    return absl::OkStatus();
  }
  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    calls->made.push_back(absl::StrCat("free ", size, "@", alignment));
    std::free(ptr);
  }
  void ReleaseUnused() { calls->made.push_back("release"); }
  void PrintStats() { std::fputs("recording allocator: nothing to say\n", stderr); }
  std::string name() const { return "recording"; }
};

class BaseMemoryPool : public ::testing::Test {
 protected:
  Calls calls_;
  BaseMemoryPoolImpl<RecordingAllocator> pool_{RecordingAllocator{&calls_}};
};

TEST_F(BaseMemoryPool, EveryCallReachesTheAllocatorWithItsSizesAndItsAlignment) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_.Allocate(100, 512, &block).ok());
  ASSERT_TRUE(pool_.Reallocate(100, 200, 512, &block).ok());
  pool_.Free(block, 200, 512);
  pool_.ReleaseUnused();
  EXPECT_EQ(calls_.made, (std::vector<std::string>{"allocate 100@512", "reallocate 100->200@512",
                                                   "free 200@512", "release"}));
}

TEST_F(BaseMemoryPool, ZeroBytesNeverReachTheAllocatorOnTheWayInOrOut) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_.Allocate(0, &block).ok());
  ASSERT_TRUE(pool_.Reallocate(0, 50, &block).ok());
  ASSERT_TRUE(pool_.Reallocate(50, 0, &block).ok());
  EXPECT_NE(block, nullptr);
  pool_.Free(block, 0);
  EXPECT_EQ(calls_.made, (std::vector<std::string>{"allocate 50@64", "free 50@64"}));
  EXPECT_EQ(pool_.bytes_allocated(), 0);
}

TEST_F(BaseMemoryPool, ReallocatingNothingToNothingCountsAsNothing) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_.Allocate(0, &block).ok());
  ASSERT_TRUE(pool_.Reallocate(0, 0, &block).ok());
  pool_.Free(block, 0);
  EXPECT_EQ(pool_.num_allocations(), 1);
  EXPECT_TRUE(calls_.made.empty());
}

TEST_F(BaseMemoryPool, ARefusalIsPassedOnAndNothingIsCounted) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_.Allocate(100, &block).ok());
  uint8_t* const kept = block;
  calls_.refuse = true;
  const Status grown = pool_.Reallocate(100, 1000, &block);
  EXPECT_EQ(grown.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(grown.message()), HasSubstr("1000 bytes at alignment 64"));
  EXPECT_EQ(block, kept);
  uint8_t* other = nullptr;
  EXPECT_EQ(pool_.Allocate(7, &other).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(pool_.bytes_allocated(), 100);
  EXPECT_EQ(pool_.num_allocations(), 1);
  pool_.Free(block, 100);
}

TEST_F(BaseMemoryPool, BadRequestsAreRefusedByNameBeforeTheAllocatorSeesThem) {
  uint8_t* block = nullptr;
  const Status negative = pool_.Allocate(-5, &block);
  EXPECT_EQ(negative.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(negative.message()), HasSubstr("-5"));
  for (const int64_t alignment : {int64_t{0}, int64_t{-64}, int64_t{3}, 2 * kMaxBufferAlignment}) {
    const Status status = pool_.Allocate(10, alignment, &block);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(alignment)));
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(kMaxBufferAlignment)));
  }
  EXPECT_EQ(pool_.Allocate(INT64_MAX, &block).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(pool_.Reallocate(-1, 10, &block).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(pool_.Reallocate(10, -1, &block).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(calls_.made.empty());
}

TEST_F(BaseMemoryPool, PrintStatsShowsThePoolsOwnFiguresAndTheAllocators) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_.Allocate(12345, &block).ok());
  ::testing::internal::CaptureStderr();
  pool_.PrintStats();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("recording: 12345 bytes live"));
  EXPECT_THAT(text, HasSubstr("nothing to say"));
  pool_.Free(block, 12345);
}

// A program's allocator that throws where it must not.
struct ThrowingAllocator : RecordingAllocator {
  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    if (calls->refuse) throw std::runtime_error("thrown by the allocator");
    return RecordingAllocator::AllocateAligned(size, alignment, out);
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    if (calls->refuse) throw std::runtime_error("thrown by the allocator");
    return RecordingAllocator::ReallocateAligned(old_size, new_size, alignment, ptr);
  }
};

// Records the reallocation events.
struct Moves : MemoryObserver {
  Moves() { AddMemoryObserver(this, MemoryEventKinds::kBlocks); }
  ~Moves() override { RemoveMemoryObserver(this); }

  void OnReallocating(MemoryPool*, const void* old_ptr, int64_t old_size) override {
    told.push_back(absl::StrCat("from ", old_size));
    left = old_ptr;
  }
  void OnReallocate(MemoryPool*, const void* old_ptr, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t) override {
    told.push_back(absl::StrCat("from ", old_size, " to ", new_size,
                                old_ptr == left && new_ptr == left ? " in place" : ""));
  }

  std::vector<std::string> told;
  const void* left = nullptr;
};

TEST(ThrowingAllocator, AnObserverIsToldHowAReallocationEndedThatThrew) {
  Calls calls;
  BaseMemoryPoolImpl<ThrowingAllocator> pool{ThrowingAllocator{{&calls}}};
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(100, &block).ok());
  const uint8_t* const before = block;
  {
    const Moves moves;
    calls.refuse = true;
    EXPECT_THROW((void)pool.Reallocate(100, 200, &block), std::runtime_error);
    EXPECT_EQ(moves.told, (std::vector<std::string>{"from 100", "from 100 to 100 in place"}));
    uint8_t* none = nullptr;
    EXPECT_THROW((void)pool.Allocate(300, &none), std::runtime_error);
  }
  EXPECT_EQ(block, before);
  EXPECT_EQ(pool.bytes_allocated(), 100);
  EXPECT_EQ(pool.num_allocations(), 1);
  pool.Free(block, 100);
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

}  // namespace
}  // namespace alkaid
