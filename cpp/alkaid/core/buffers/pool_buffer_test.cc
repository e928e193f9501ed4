#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/pool_buffer_internal.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(AllocateBuffer, IsAlignedAndPaddedWithZerosTo64) {
  for (const int64_t size : {1, 63, 64, 65, 100, 4096, 100001}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateBuffer(size));
    EXPECT_EQ(buffer->size(), size);
    EXPECT_EQ(buffer->capacity(), (size + 63) / 64 * 64);
    EXPECT_EQ(buffer->address() % 64, 0u);
    EXPECT_TRUE(buffer->is_mutable());
    for (int64_t i = size; i < buffer->capacity(); ++i) EXPECT_EQ(buffer->data()[i], 0);
    std::memset(buffer->mutable_data(), 0xab, static_cast<size_t>(size));
  }
}

// Sizes that are powers of two, which allocators treat specially. The first block may be aligned by
// chance.
TEST(AllocateBuffer, KeepsEachAlignmentForEachPowerOfTwoOnEachBackend) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto pool, CreateMemoryPool(backend));
    for (int64_t alignment = 64; alignment <= 4096; alignment *= 2) {
      for (int64_t size = 64; size <= 65536; size *= 2) {
        std::vector<std::unique_ptr<Buffer>> live;
        for (int i = 0; i < 6; ++i) {
          ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, AllocateBuffer(size, alignment, pool.get()));
          ASSERT_EQ(buffer->address() % static_cast<uint64_t>(alignment), 0u)
              << backend << ": " << size << " bytes aligned to " << alignment;
          live.push_back(std::move(buffer));
        }
      }
    }
  }
}

TEST(ResizableBuffer, KeepsItsAlignmentWhereItGrowsAndShrinksOnEachBackend) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto pool, CreateMemoryPool(backend));
    for (const int64_t alignment : {64, 256, 512, 1024, 4096}) {
      std::vector<std::unique_ptr<ResizableBuffer>> live;
      for (const int64_t first_size : {1024, 4000, 1024, 4000, 1024, 4000}) {
        ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer,
                                    AllocateResizableBuffer(first_size, alignment, pool.get()));
        std::memset(buffer->mutable_data(), 0xab, static_cast<size_t>(first_size));
        for (const int64_t size : {1024, 512, 256, 512, 1024, 2000, 100'000, 1 << 20, 1024}) {
          ALKAID_ASSERT_OK(buffer->Resize(size, /*shrink_to_fit=*/true));
          ASSERT_EQ(buffer->address() % static_cast<uint64_t>(alignment), 0u)
              << backend << ": " << size << " bytes aligned to " << alignment;
          ASSERT_TRUE(buffer->data()[0] == 0xab && buffer->data()[255] == 0xab);
        }
        live.push_back(std::move(buffer));
      }
    }
  }
}

TEST(AllocateBuffer, OfNoBytesHasAnAddressAndNoSize) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateBuffer(0));
  EXPECT_NE(buffer->data(), nullptr);
  EXPECT_EQ(buffer->size(), 0);
  EXPECT_EQ(buffer->capacity(), 0);
  EXPECT_EQ(buffer->ToString(), "");
}

TEST(AllocateBuffer, GivesItsBytesBackToThePool) {
  ProxyMemoryPool pool(default_memory_pool());
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto a, AllocateBuffer(100, &pool));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto b, AllocateResizableBuffer(1000, &pool));
    EXPECT_EQ(pool.bytes_allocated(), 128 + 1024);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(pool.num_allocations(), 2);
}

TEST(AllocateBuffer, HoldsAPoolThatItShares) {
  auto pool = std::make_shared<ProxyMemoryPool>(default_memory_pool());
  const std::weak_ptr<MemoryPool> watch = pool;
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> buffer, AllocateBuffer(100, pool));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto resizable, AllocateResizableBuffer(100, 128, pool));
  pool.reset();
  auto slice = SliceBuffer(std::move(buffer), 10, 20);
  resizable.reset();
  EXPECT_FALSE(watch.expired());
  {
    const auto manager = slice->memory_manager();
    slice.reset();
    ALKAID_EXPECT_OK(manager->AllocateBuffer(10));
    EXPECT_FALSE(watch.expired()) << "a manager of a shared pool shares it as well";
  }
  EXPECT_TRUE(watch.expired());
}

TEST(AllocateBuffer, NegativeSizesAreInvalidAndNamed) {
  EXPECT_THAT(AllocateBuffer(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(AllocateResizableBuffer(INT64_MIN),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::to_string(INT64_MIN))));
}

TEST(AllocateBuffer, AbsurdSizesAreOutOfMemoryAndNamed) {
  ProxyMemoryPool pool(default_memory_pool());
  EXPECT_THAT(AllocateBuffer(INT64_MAX, &pool),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(INT64_MAX))));
  // The pool is asked for multiples of 64.
  EXPECT_THAT(AllocateBuffer(INT64_MAX - 64, &pool),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(INT64_MAX - 63))));
  for (const int64_t size : {INT64_MAX - 63, int64_t{1} << 62, int64_t{1} << 48}) {
    EXPECT_THAT(AllocateBuffer(size, &pool), StatusIs(StatusCode::kResourceExhausted)) << size;
    EXPECT_THAT(AllocateResizableBuffer(size, &pool), StatusIs(StatusCode::kResourceExhausted));
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(AllocateBuffer, AlignmentsThatAreNoPowerOfTwoAreInvalidAndNamed) {
  for (const int64_t alignment : {int64_t{0}, int64_t{-64}, int64_t{3}, int64_t{48},
                                  kMaxBufferAlignment * 2, (int64_t{1} << 32) + 64, INT64_MIN}) {
    EXPECT_THAT(AllocateBuffer(100, alignment),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::to_string(alignment))));
    EXPECT_THAT(AllocateResizableBuffer(100, alignment), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(PoolBuffer, KeepsItsAlignmentThroughEveryReallocation) {
  for (const int64_t alignment : {int64_t{512}, int64_t{4096}}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(10, alignment));
    for (int64_t size = 64; size < (1 << 20); size = size * 2 + 64) {
      ALKAID_ASSERT_OK(buffer->Resize(size));
      EXPECT_EQ(buffer->address() % static_cast<uintptr_t>(alignment), 0u) << size;
    }
    ALKAID_ASSERT_OK(buffer->Resize(100));
    EXPECT_EQ(buffer->address() % static_cast<uintptr_t>(alignment), 0u);
  }
}

TEST(PoolBuffer, KeepsItsBytesWhenItGrowsAndWhenItShrinks) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(100));
  for (int i = 0; i < 100; ++i) buffer->mutable_data()[i] = static_cast<uint8_t>(i);
  ALKAID_ASSERT_OK(buffer->Resize(100000));
  EXPECT_EQ(buffer->size(), 100000);
  EXPECT_EQ(buffer->capacity(), 100032);
  ALKAID_ASSERT_OK(buffer->Resize(50));
  EXPECT_EQ(buffer->capacity(), 64);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(buffer->data()[i], i);
}

TEST(PoolBuffer, ShrinksInPlaceWhenToldNotToFit) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(1000, &pool));
  const uint8_t* const data = buffer->data();
  ALKAID_ASSERT_OK(buffer->Resize(10, /*shrink_to_fit=*/false));
  EXPECT_EQ(buffer->size(), 10);
  EXPECT_EQ(buffer->capacity(), 1024);
  EXPECT_EQ(buffer->data(), data);
  EXPECT_EQ(pool.bytes_allocated(), 1024);
  ALKAID_ASSERT_OK(buffer->Resize(0));
  EXPECT_EQ(pool.bytes_allocated(), 0);
  ALKAID_ASSERT_OK(buffer->Resize(70));
  EXPECT_EQ(pool.bytes_allocated(), 128);
}

TEST(PoolBuffer, ReserveOnlyGrowsTheCapacity) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(10));
  ALKAID_ASSERT_OK(buffer->Reserve(200));
  EXPECT_EQ(buffer->size(), 10);
  EXPECT_EQ(buffer->capacity(), 256);
  ALKAID_ASSERT_OK(buffer->Reserve(1));
  EXPECT_EQ(buffer->capacity(), 256);
  ALKAID_ASSERT_OK(buffer->Resize(200));
  EXPECT_EQ(buffer->capacity(), 256) << "room that was reserved is kept while the size grows";
}

TEST(PoolBuffer, RefusesNegativeAndAbsurdSizesAndStaysAsItWas) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(10));
  std::memcpy(buffer->mutable_data(), "0123456789", 10);
  EXPECT_THAT(buffer->Resize(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(buffer->Reserve(-5), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-5")));
  EXPECT_THAT(buffer->Resize(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(buffer->Reserve(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(buffer->Reserve(INT64_MAX - 100), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(buffer->ToString(), "0123456789");
}

TEST(PoolBuffer, StaysAsItWasWhenThePoolFails) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(10, &pool));
  std::memcpy(buffer->mutable_data(), "0123456789", 10);
  pool.fail_after(1);
  EXPECT_THAT(buffer->Resize(1000), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(buffer->ToString(), "0123456789");
  EXPECT_EQ(buffer->capacity(), 64);
  ALKAID_ASSERT_OK(buffer->Resize(1000));
  EXPECT_EQ(std::memcmp(buffer->data(), "0123456789", 10), 0);
}

TEST(PoolBuffer, AnswersOneManagerForAllBuffersOfAPool) {
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto a, AllocateBuffer(10, &pool));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto b, AllocateBuffer(10, &pool));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto c, AllocateBuffer(10));
  EXPECT_EQ(a->memory_manager(), a->memory_manager());
  const auto manager = a->memory_manager();
  EXPECT_EQ(manager, b->memory_manager());
  EXPECT_EQ(dynamic_cast<CPUMemoryManager&>(*manager).pool(), &pool);
  EXPECT_EQ(c->memory_manager(), default_cpu_memory_manager());
}

// A program's own pool that returns OK with something that is not a block.
class FaultyPool final : public ForwardingMemoryPool {
 public:
  enum Fault { kNone, kNull, kMisaligned };

  FaultyPool() : ForwardingMemoryPool(std::shared_ptr<MemoryPool>(MemoryPool::CreateDefault())) {}

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (fault == kNull) return absl::OkStatus();
    ALKAID_RETURN_NOT_OK(wrapped()->Allocate(size + kRoom, alignment, out));
    if (fault == kMisaligned) *out += 1;
    return absl::OkStatus();
  }
  // As over a realloc() that ignores alignment.
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (fault == kNull) {
      *ptr = nullptr;
      return absl::OkStatus();
    }
    uint8_t* fresh = nullptr;
    ALKAID_RETURN_NOT_OK(Allocate(new_size, alignment, &fresh));
    std::memcpy(fresh, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    Free(*ptr, old_size, alignment);
    *ptr = fresh;
    return absl::OkStatus();
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    wrapped()->Free(buffer - buffer_shift(buffer), size + kRoom, alignment);
  }
  std::string backend_name() const override { return "faulty"; }

  Fault fault = kNone;

 private:
  static constexpr int64_t kRoom = 64;
  static int64_t buffer_shift(const uint8_t* buffer) {
    return static_cast<int64_t>(reinterpret_cast<uintptr_t>(buffer) % 64);
  }
};

TEST(PoolBuffer, IsNotMadeOfWhatIsNoBlock) {
  FaultyPool pool;
  pool.fault = FaultyPool::kNull;
  EXPECT_THAT(
      AllocateBuffer(100, &pool),
      StatusIs(StatusCode::kResourceExhausted,
               AllOf(HasSubstr("'faulty'"), HasSubstr("128 bytes"), HasSubstr("no block"))));
  pool.fault = FaultyPool::kMisaligned;
  EXPECT_THAT(AllocateBuffer(100, 256, &pool),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("'faulty'"), HasSubstr("alignment 256"),
                             HasSubstr("misaligned block at 0x"))));
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(PoolBuffer, KeepsItsBlockWhereItIsReallocatedToNothing) {
  FaultyPool pool;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, AllocateResizableBuffer(10, &pool));
  std::memcpy(buffer->mutable_data(), "0123456789", 10);
  pool.fault = FaultyPool::kNull;
  EXPECT_THAT(buffer->Resize(1000),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("'faulty'")));
  EXPECT_EQ(buffer->ToString(), "0123456789");
  pool.fault = FaultyPool::kNone;
  ALKAID_ASSERT_OK(buffer->Resize(1000));
  buffer.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(PoolBuffer, RefusesTheSizeAndKeepsTheBytesWhereTheyAreMovedToAMisalignedBlock) {
  FaultyPool pool;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, AllocateResizableBuffer(10, &pool));
  std::memcpy(buffer->mutable_data(), "0123456789", 10);
  pool.fault = FaultyPool::kMisaligned;
  EXPECT_THAT(buffer->Resize(1000),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("'faulty'"), HasSubstr("misaligned block at 0x"))));
  EXPECT_EQ(buffer->ToString(), "0123456789");
  pool.fault = FaultyPool::kNone;
  ALKAID_ASSERT_OK(buffer->Resize(2000));
  EXPECT_EQ(buffer->address() % 64, 0u);
  EXPECT_EQ(std::memcmp(buffer->data(), "0123456789", 10), 0);
  buffer.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(BufferBuilder, HoldsItsBytesWhereTheyAreMovedToAMisalignedBlock) {
  FaultyPool pool;
  BufferBuilder builder(&pool);
  ALKAID_ASSERT_OK(builder.Append("0123456789"));
  pool.fault = FaultyPool::kMisaligned;
  const std::string more(1000, 'x');
  EXPECT_THAT(builder.Append(more),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("'faulty'")));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(builder.data()), 10), "0123456789");
  EXPECT_EQ(builder.length(), 10);
  EXPECT_THAT(builder.Finish(), StatusIs(StatusCode::kResourceExhausted)) << "misaligned as it is";
  pool.fault = FaultyPool::kNone;
  ALKAID_ASSERT_OK(builder.Append(more));
  ALKAID_ASSERT_OK(builder.Append(more));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto finished, builder.Finish());
  EXPECT_EQ(finished->ToString(), "0123456789" + more + more);
  EXPECT_EQ(finished->address() % 64, 0u);
  finished.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(BufferBuilder, HoldsWhatItHeldWhenThePoolThrows) {
  struct ThrowingPool : ForwardingMemoryPool {
    ThrowingPool()
        : ForwardingMemoryPool(std::shared_ptr<MemoryPool>(MemoryPool::CreateDefault())) {}
    using MemoryPool::Allocate;
    using MemoryPool::Reallocate;
    Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
      if (throws) throw std::runtime_error("thrown below");
      return wrapped()->Allocate(size, alignment, out);
    }
    Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                      uint8_t** ptr) override {
      if (throws) throw std::runtime_error("thrown below");
      return wrapped()->Reallocate(old_size, new_size, alignment, ptr);
    }
    bool throws = true;
  } pool;
  {
    BufferBuilder builder(&pool);
    builder.SetLabel(Label::Intern("pool_buffer_test"));
    EXPECT_THROW((void)builder.Append("0123456789"), std::runtime_error);
    EXPECT_THROW((void)AllocateBuffer(10, &pool), std::runtime_error);
    EXPECT_EQ(builder.length(), 0);
    pool.throws = false;
    ALKAID_ASSERT_OK(builder.Append("0123456789"));
    pool.throws = true;
    EXPECT_THROW((void)builder.Append(1000, uint8_t{'x'}), std::runtime_error);
    EXPECT_EQ(Label::Current(), Label());
    EXPECT_EQ(builder.length(), 10);
    pool.throws = false;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto finished, builder.Finish());
    EXPECT_EQ(finished->ToString(), "0123456789");
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(PoolBuffer, FitsTheBlocksThatThreadsKeep) { EXPECT_LE(sizeof(PoolBuffer), 128u); }

}  // namespace
}  // namespace alkaid
