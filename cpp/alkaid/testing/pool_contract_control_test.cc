// Shows that the pool contract finds faults: pools with one fault each are put through it, and the
// rule that the fault belongs to must fail. A program of its own, since failing is what these tests
// are for.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/pool_contract.h"

namespace alkaid {
namespace {

// A sound pool; each pool below spoils one thing. It has figures of its own, so that a faulty pool
// spoils no other's.
class SoundPool : public MemoryPool {
 public:
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    return pool_.Allocate(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    return pool_.Reallocate(old_size, new_size, alignment, ptr);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    pool_.Free(buffer, size, alignment);
  }
  int64_t bytes_allocated() const override { return pool_.bytes_allocated(); }
  int64_t max_memory() const override { return pool_.max_memory(); }
  int64_t total_bytes_allocated() const override { return pool_.total_bytes_allocated(); }
  int64_t num_allocations() const override { return pool_.num_allocations(); }
  std::string backend_name() const override { return pool_.backend_name(); }

 private:
  ProxyMemoryPool pool_{system_memory_pool()};
};

// Aligns everything to 64 and drops what was asked for.
class DropsAlignment : public SoundPool {
  Status Allocate(int64_t size, int64_t, uint8_t** out) override {
    return SoundPool::Allocate(size, 64, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t, uint8_t** ptr) override {
    return SoundPool::Reallocate(old_size, new_size, 64, ptr);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t) override { SoundPool::Free(buffer, size, 64); }
};

// Misaligns every third block of six pairs of size and alignment, whether it is allocated or
// reallocated: what an allocator does that takes blocks of a power of two for aligned wherever its
// pages begin.
class MisalignsPowersOfTwo : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    const bool spoilt = alignment >= 256 && size <= 1024 && size >= alignment && IsPowerOfTwo(size);
    if (!spoilt || ++count_ % 3 != 0) return SoundPool::Allocate(size, alignment, out);
    ALKAID_RETURN_NOT_OK(SoundPool::Allocate(size + alignment, alignment, out));
    *out += alignment / 2;
    extra_ += alignment;
    return absl::OkStatus();
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (old_size <= 0 || new_size <= 0) {
      return SoundPool::Reallocate(old_size, new_size, alignment, ptr);
    }
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(Allocate(new_size, alignment, &block));
    std::memcpy(block, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    Free(*ptr, old_size, alignment);
    *ptr = block;
    return absl::OkStatus();
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    const auto beyond = static_cast<int64_t>(reinterpret_cast<uintptr_t>(buffer) %
                                             static_cast<uintptr_t>(alignment));
    if (size == 0 || beyond == 0) return SoundPool::Free(buffer, size, alignment);
    extra_ -= alignment;
    SoundPool::Free(buffer - beyond, size + alignment, alignment);
  }
  int64_t bytes_allocated() const override { return SoundPool::bytes_allocated() - extra_; }

  std::atomic<int64_t> count_ = 0;
  std::atomic<int64_t> extra_ = 0;
};

// Grows without keeping the last byte.
class LosesAByte : public SoundPool {
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    ALKAID_RETURN_NOT_OK(SoundPool::Reallocate(old_size, new_size, alignment, ptr));
    const int64_t kept = std::min(old_size, new_size);
    if (kept > 0) (*ptr)[kept - 1] ^= 1;
    return absl::OkStatus();
  }
};

// Counts a reallocation that shrinks like one that grows.
class CountsShrinking : public SoundPool {
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (new_size < old_size) ++extra_;
    return SoundPool::Reallocate(old_size, new_size, alignment, ptr);
  }
  int64_t num_allocations() const override { return SoundPool::num_allocations() + extra_; }
  std::atomic<int64_t> extra_ = 0;
};

// Takes a negative size for an empty block.
class TakesNegativeSizes : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    return SoundPool::Allocate(std::max<int64_t>(size, 0), alignment, out);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    SoundPool::Free(buffer, std::max<int64_t>(size, 0), alignment);
  }
};

// Writes to `*out` before it knows that there is memory.
class WritesOutOnFailure : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    *out = nullptr;
    return SoundPool::Allocate(size, alignment, out);
  }
};

// Counts only what the thread that made it does.
class CountsOwnThreadOnly : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ALKAID_RETURN_NOT_OK(SoundPool::Allocate(size, alignment, out));
    if (std::this_thread::get_id() != maker_) return absl::OkStatus();
    live_ += size;
    return absl::OkStatus();
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    SoundPool::Free(buffer, size, alignment);
    if (std::this_thread::get_id() == maker_) live_ -= size;
  }
  int64_t bytes_allocated() const override { return live_; }
  const std::thread::id maker_ = std::this_thread::get_id();
  int64_t live_ = 0;
};

// Gives all blocks of 24 bytes the same place.
class OverlapsBlocks : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (size != kSpecial || alignment > 64) return SoundPool::Allocate(size, alignment, out);
    *out = place_;
    return absl::OkStatus();
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (*ptr != place_) return SoundPool::Reallocate(old_size, new_size, alignment, ptr);
    return SoundPool::Allocate(new_size, alignment, ptr);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    if (buffer != place_) SoundPool::Free(buffer, size, alignment);
  }
  static constexpr int64_t kSpecial = 24;
  alignas(64) uint8_t place_[kSpecial];
};

class EmptyBlocksAreNull : public SoundPool {
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ALKAID_RETURN_NOT_OK(SoundPool::Allocate(size, alignment, out));
    if (size == 0) *out = nullptr;
    return absl::OkStatus();
  }
};

class LetsThePeakSink : public SoundPool {
  int64_t max_memory() const override { return bytes_allocated(); }
};

class PrintsNothing : public SoundPool {
  void PrintStats() override {}
};

class AllocatesToPrint : public SoundPool {
  void PrintStats() override {
    SoundPool::PrintStats();
    uint8_t* text = nullptr;
    if (SoundPool::Allocate(100, 64, &text).ok()) SoundPool::Free(text, 100, 64);
  }
};

class HasNoName : public SoundPool {
  std::string backend_name() const override { return ""; }
};

// Counts a refused reallocation.
class CountsFailures : public SoundPool {
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    ++extra_;
    return SoundPool::Reallocate(old_size, new_size, alignment, ptr);
  }
  int64_t total_bytes_allocated() const override {
    return SoundPool::total_bytes_allocated() + extra_;
  }
  std::atomic<int64_t> extra_ = 0;
};

template <typename PoolType>
std::unique_ptr<MemoryPool> Make() {
  return std::make_unique<PoolType>();
}

struct Fault {
  const char* pool;
  std::unique_ptr<MemoryPool> (*make)();
  const char* found_by;  // a rule of the contract; empty: there is nothing to find
};
constexpr Fault kFaults[] = {
    {"SoundPool", Make<SoundPool>, ""},
    {"DropsAlignment", Make<DropsAlignment>, "EveryAlignmentIsKeptForEverySize"},
    {"DropsAlignment", Make<DropsAlignment>, "ReallocationKeepsContentsAndAlignment"},
    {"DropsAlignment", Make<DropsAlignment>, "AlignmentsThatAreNoneAreRefused"},
    {"MisalignsPowersOfTwo", Make<MisalignsPowersOfTwo>,
     "EveryPowerOfTwoAndItsNeighboursAreAligned"},
    {"MisalignsPowersOfTwo", Make<MisalignsPowersOfTwo>,
     "ReallocationIntoPowersOfTwoKeepsAlignment"},
    {"LosesAByte", Make<LosesAByte>, "ReallocationKeepsContentsAndAlignment"},
    {"LosesAByte", Make<LosesAByte>, "ARandomLifeKeepsContentsAndFigures"},
    {"CountsShrinking", Make<CountsShrinking>, "OnlyReallocationsThatGrowCountAsAllocations"},
    {"TakesNegativeSizes", Make<TakesNegativeSizes>, "NegativeSizesAreRefused"},
    {"WritesOutOnFailure", Make<WritesOutOnFailure>, "SizesBeyondAnyMemoryAreOutOfMemory"},
    {"CountsOwnThreadOnly", Make<CountsOwnThreadOnly>, "ABlockCanBeFreedByAnotherThread"},
    {"CountsOwnThreadOnly", Make<CountsOwnThreadOnly>, "FiguresAreExactAfterManyThreads"},
    {"OverlapsBlocks", Make<OverlapsBlocks>, "BlocksDoNotOverlap"},
    {"EmptyBlocksAreNull", Make<EmptyBlocksAreNull>, "ZeroSizeBlocksAreBlocksLikeOthers"},
    {"LetsThePeakSink", Make<LetsThePeakSink>, "ThePeakIsNeverBelowWhatIsLive"},
    {"PrintsNothing", Make<PrintsNothing>, "PrintStatsShowsWhatIsLiveAndChangesNothing"},
    {"AllocatesToPrint", Make<AllocatesToPrint>, "PrintStatsShowsWhatIsLiveAndChangesNothing"},
    {"HasNoName", Make<HasNoName>, "TheBackendHasAName"},
    {"CountsFailures", Make<CountsFailures>, "SizesBeyondAnyMemoryAreOutOfMemory"},
};

// What the failures of each pool say: that is where a rule is named.
class Failures : public ::testing::EmptyTestEventListener {
 public:
  bool NameRule(const std::string& pool, const std::string& rule) const {
    const auto of_pool = texts_.find(pool);
    return of_pool != texts_.end() &&
           of_pool->second.find("PoolContract." + rule + "\n") != std::string::npos;
  }
  bool AreOf(const std::string& pool) const { return texts_.contains(pool); }

 private:
  void OnTestStart(const ::testing::TestInfo& test) override { pool_ = test.test_suite_name(); }
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed()) texts_[pool_] += std::string(result.message()) + "\n";
  }

  std::string pool_;
  std::map<std::string, std::string> texts_;
};

int RunAndLookForTheFaults() {
  std::set<std::string> registered;
  for (const Fault& fault : kFaults) {
    if (!registered.insert(fault.pool).second) continue;
    RegisterPoolContract(fault.pool, __FILE__, __LINE__,
                         internal::ContractPoolFactoryOf(fault.make));
  }
  ::testing::TestEventListeners& listeners = ::testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  auto* failures = new Failures;
  listeners.Append(failures);
  if (RUN_ALL_TESTS() == 0) std::printf("no test failed at all\n");

  int missed = 0;
  for (const Fault& fault : kFaults) {
    const bool wanted = *fault.found_by != '\0';
    const bool found =
        wanted ? failures->NameRule(fault.pool, fault.found_by) : failures->AreOf(fault.pool);
    if (found == wanted) continue;
    ++missed;
    std::printf("%s: %s\n", fault.pool, wanted ? fault.found_by : "a sound pool was found faulty");
  }
  std::printf("%zu faults, %d not told as they should be\n", std::size(kFaults), missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::RunAndLookForTheFaults();
}
