// ALKAID_DEBUG_MEMORY_POOL and the padding of buffers, seen from outside. Child processes write
// past the end of buffers; each write must be found although the bytes belong to the block.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::ChildResult;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A pool that no registry knows. It serves every block from one piece of memory. If `errs`, the
// third block begins before the second one ends.
class OwnPool final : public MemoryPool {
 public:
  explicit OwnPool(bool errs) : errs_(errs) {}
  using MemoryPool::Allocate;
  Status Allocate(int64_t size, int64_t /*alignment*/, uint8_t** out) override {
    if (size == 0) {
      *out = memory_;
      return absl::OkStatus();
    }
    const int64_t begin = next_.fetch_add(size);
    *out = memory_ + begin - (errs_ && ++blocks_ == 3 ? 64 : 0);
    return begin + size <= kBytes ? absl::OkStatus() : status::OutOfMemory("too many");
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    uint8_t* const old = *ptr;
    ALKAID_RETURN_NOT_OK(Allocate(new_size, alignment, ptr));
    std::memcpy(*ptr, old, static_cast<size_t>(std::min(old_size, new_size)));
    return absl::OkStatus();
  }
  void Free(uint8_t*, int64_t, int64_t) override {}
  int64_t bytes_allocated() const override { return 0; }
  int64_t total_bytes_allocated() const override { return 0; }
  int64_t num_allocations() const override { return 0; }
  std::string backend_name() const override { return "unregistered"; }

 private:
  static constexpr int64_t kBytes = int64_t{4} << 20;
  alignas(64) uint8_t memory_[kBytes];
  std::atomic<int64_t> next_{0};
  const bool errs_;
  int blocks_ = 0;
};

// Several buffers at a time; the third block is allocated or reallocated.
int RunOverlap(bool errs, bool reallocates) {
  const auto pool = std::make_unique<OwnPool>(errs);
  ProxyMemoryPool over(pool.get());
  auto first = AllocateBuffer(100, &over);
  auto second = AllocateResizableBuffer(100, pool.get());
  auto third = AllocateResizableBuffer(0, pool.get());
  if (!first.ok() || !second.ok() || !third.ok()) return 4;
  ResizableBuffer* const changed = reallocates ? second->get() : third->get();
  auto before = AllocateBuffer(100, pool.get());
  if (!before.ok() || !changed->Resize(300).ok()) return 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3 && !errs; ++i) {
    threads.emplace_back([&] {
      for (int size = 1; size < 5000; size += 100) {
        auto buffer = AllocateResizableBuffer(size, pool.get());
        if (!buffer.ok() || !(*buffer)->Resize(2 * size).ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("came through\n");
  return 0;
}

// Every block of these two pools begins at the same byte: one registered, one of the program's own.
alignas(64) uint8_t the_place[4096];

class PlaceAllocator {
 public:
  static Status AllocateAligned(int64_t, int64_t, uint8_t** out) {
    *out = the_place;
    return absl::OkStatus();
  }
  static Status ReallocateAligned(int64_t, int64_t, int64_t, uint8_t**) {
    return status::NotImplemented("nobody asks for it in the debug mode");
  }
  static void DeallocateAligned(uint8_t*, int64_t, int64_t) {}
  static void ReleaseUnused() {}
  static void PrintStats() {}
  static std::string name() { return "place"; }
};

class PlacePool final : public ProxyMemoryPool {
 public:
  PlacePool() : ProxyMemoryPool(system_memory_pool()) {}
  using MemoryPool::Allocate;
  Status Allocate(int64_t, int64_t, uint8_t** out) override {
    *out = the_place + 64;  // past the front guard of the other pool's block
    return absl::OkStatus();
  }
  void Free(uint8_t*, int64_t, int64_t) override {}
};

// Their names must appear in stack traces.
[[gnu::noinline]] std::unique_ptr<Buffer> MakeTheOlderBuffer(MemoryPool* pool) {
  auto buffer = AllocateBuffer(100, pool);
  if (!buffer.ok()) std::_Exit(4);
  return *std::move(buffer);
}
[[gnu::noinline]] std::unique_ptr<Buffer> MakeTheNewerBuffer(MemoryPool* pool) {
  auto buffer = AllocateBuffer(100, pool);
  if (!buffer.ok()) std::_Exit(4);
  return *std::move(buffer);
}

// A fault in a buffer at an address where a buffer of another pool was before. That older one has
// left its pool or, if the pool is the program's own, was never given back. `frees`: the fault is
// that the block goes to the older buffer's pool.
int RunReuse(bool left_its_pool, bool frees) {
  const Status registered = RegisterMemoryBackend(
      "place", [] { return std::make_unique<BaseMemoryPoolImpl<PlaceAllocator>>(); });
  auto known = CreateMemoryPool("place");
  PlacePool own;
  if (!registered.ok() || !known.ok()) return 4;
  MemoryPool* const older_pool = left_its_pool ? known->get() : &own;
  MemoryPool* const newer_pool = left_its_pool ? &own : known->get();
  std::unique_ptr<Buffer> older = MakeTheOlderBuffer(older_pool);
  static Buffer* never_given_back = nullptr;
  if (left_its_pool) {
    older.reset();
    older_pool->ReleaseUnused();
  } else {
    never_given_back = older.release();
  }
  std::unique_ptr<Buffer> newer = MakeTheNewerBuffer(newer_pool);
  if (newer->data() != the_place + 64) return 5;
  if (frees) {
    older_pool->Free(the_place + 64, 128);
  } else {
    const_cast<uint8_t*>(newer->data())[100] = 7;
  }
  newer.reset();
  std::printf("came through\n");
  return never_given_back != nullptr && never_given_back->data() != the_place + 64 ? 6 : 0;
}

bool Ok(const Status& status) { return status.ok(); }

// Each makes a buffer of 100 bytes with room for 128, or null.
struct Kind {
  const char* name;
  std::shared_ptr<Buffer> (*make)(MemoryPool* pool);
};

const Kind kWatched[] = {
    {"fixed",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateBuffer(100, pool);
       return buffer.ok() ? *std::move(buffer) : nullptr;
     }},
    {"resizable",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(100, pool);
       return buffer.ok() ? *std::move(buffer) : nullptr;
     }},
    {"grown",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(10, pool);
       return buffer.ok() && Ok((*buffer)->Resize(100)) ? *std::move(buffer) : nullptr;
     }},
    {"grown-in-place",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(70, pool);
       return buffer.ok() && Ok((*buffer)->Resize(100)) ? *std::move(buffer) : nullptr;
     }},
    {"shrunk",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(1000, pool);
       if (!buffer.ok()) return nullptr;
       std::memset((*buffer)->mutable_data(), 3, 1000);
       return Ok((*buffer)->Resize(100)) ? *std::move(buffer) : nullptr;
     }},
    {"built",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       BufferBuilder builder(pool);
       if (!builder.Append(100, uint8_t{3}).ok()) return nullptr;
       auto buffer = builder.Finish();
       return buffer.ok() ? *std::move(buffer) : nullptr;
     }},
};

// Bytes that were requested as capacity, or passed through to keep it, are the owner's to write.
const Kind kOwned[] = {
    {"reserved",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(10, pool);
       return buffer.ok() && Ok((*buffer)->Reserve(100)) && Ok((*buffer)->Resize(100))
                  ? *std::move(buffer)
                  : nullptr;
     }},
    {"kept",
     [](MemoryPool* pool) -> std::shared_ptr<Buffer> {
       auto buffer = AllocateResizableBuffer(128, pool);
       return buffer.ok() && Ok((*buffer)->Resize(100, /*shrink_to_fit=*/false))
                  ? *std::move(buffer)
                  : nullptr;
     }},
};

// The child's part: the life of one buffer of 100 bytes, written at `place`.
int RunAsChild(const std::string& backend, const std::string& kind, int place) {
  if (backend == "unregistered") return RunOverlap(kind == "overlap", place == 1);
  if (backend == "reused") return RunReuse(kind != "held", kind == "freed");
  auto pool = CreateMemoryPool(backend);
  if (!pool.ok()) return 3;
  std::shared_ptr<Buffer> buffer;
  for (const Kind& one : kWatched) {
    if (one.name == kind) buffer = one.make(pool->get());
  }
  for (const Kind& one : kOwned) {
    if (one.name == kind) buffer = one.make(pool->get());
  }
  if (kind == "builder") {
    // Write to the last byte of each capacity.
    BufferBuilder builder(pool->get());
    for (int i = 0; i < 1000; ++i) {
      if (!builder.Append(37, uint8_t{3}).ok()) return 4;
      std::memset(builder.mutable_data() + builder.length(), 3,
                  static_cast<size_t>(builder.capacity() - builder.length()));
    }
    auto built = builder.Finish();
    if (!built.ok() || !Ok(builder.Resize(100))) return 4;
    std::memset(builder.mutable_data(), 3, static_cast<size_t>(builder.capacity()));
  } else if (kind == "grown-after-a-write") {
    auto resizable = AllocateResizableBuffer(100, pool->get());
    if (!resizable.ok()) return 4;
    (*resizable)->mutable_data()[place] = 7;
    if (!(*resizable)->Resize(5000).ok()) return 4;
    std::printf("resized\n");
  } else {
    if (buffer == nullptr || buffer->size() != 100 || buffer->capacity() != 128) return 4;
    const_cast<uint8_t*>(buffer->data())[place] = 7;
  }
  buffer.reset();
  std::printf("came through\n");
  return 0;
}

ChildResult Write(const char* mode, const std::string& backend, const char* kind, int place) {
  return RunSelf({backend, kind, std::to_string(place)}, {{"ALKAID_DEBUG_MEMORY_POOL", mode}});
}

TEST(DebugPadding, AWriteRightPastTheEndOfABufferIsFoundOnEachBackend) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const Kind& kind : kWatched) {
      for (const int place : {100, 127}) {
        SCOPED_TRACE(backend + ", " + kind.name + ", byte " + std::to_string(place));
        const ChildResult aborted = Write("abort", backend, kind.name, place);
        EXPECT_EQ(aborted.signal(), SIGABRT) << aborted.status;
        const ChildResult warned = Write("warn", backend, kind.name, place);
        EXPECT_TRUE(warned.ExitedWith(0)) << warned.status;
        EXPECT_THAT(warned.err, AllOf(HasSubstr("byte " + std::to_string(place - 100) +
                                                " past the end of the 100-byte buffer at 0x"),
                                      HasSubstr(backend), HasSubstr("allocated by thread"),
                                      HasSubstr("found by thread")));
      }
    }
  }
}

TEST(DebugPadding, ItIsFoundBeforeTheBytesMove) {
  const ChildResult child = Write("abort", "system", "grown-after-a-write", 100);
  EXPECT_EQ(child.signal(), SIGABRT) << child.status;
  EXPECT_THAT(child.out, IsEmpty());
  EXPECT_THAT(child.err, HasSubstr("byte 0 past the end of the 100-byte buffer"));
}

TEST(DebugPadding, TheReportHasTheStacksOfTheBufferThatIsThereNow) {
  for (const char* older : {"left", "held", "freed"}) {
    SCOPED_TRACE(older);
    const ChildResult child = Write("warn", "reused", older, 0);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    const bool is_freed = std::string(older) == "freed";
    EXPECT_THAT(child.err,
                AllOf(HasSubstr(is_freed ? "fault: wrong pool: " : "fault: padding: "),
                      HasSubstr("MakeTheNewerBuffer"), Not(HasSubstr("MakeTheOlderBuffer"))));
  }
}

TEST(DebugPadding, WritesInsideABufferAreNoFault) {
  for (const Kind& kind : kWatched) {
    for (const int place : {0, 99}) {
      SCOPED_TRACE(std::string(kind.name) + ", byte " + std::to_string(place));
      const ChildResult child = Write("abort", "system", kind.name, place);
      EXPECT_TRUE(child.ExitedWith(0)) << child.status;
      EXPECT_THAT(child.err, IsEmpty());
    }
  }
}

TEST(DebugPadding, WhoAskedForCapacityMayWriteAllOfIt) {
  for (const char* kind : {"reserved", "kept", "builder"}) {
    SCOPED_TRACE(kind);
    const ChildResult child = Write("abort", "system", kind, 127);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(child.out, "came through\n");
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DebugPadding, AWritePastTheCapacityOfAnyBufferIsFound) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const char* kind : {"fixed", "resizable", "reserved"}) {
      SCOPED_TRACE(backend + ", " + kind);
      const ChildResult child = Write("abort", backend, kind, 128);
      EXPECT_EQ(child.signal(), SIGABRT) << child.status;
      EXPECT_THAT(child.err, AllOf(HasSubstr("overrun"), HasSubstr("byte 0 past its end")));
    }
  }
}

TEST(DebugPadding, BuffersWhoseBlocksLieOverOneAnotherAreFoundOnAnyPool) {
  for (const int reallocates : {0, 1}) {
    SCOPED_TRACE(reallocates);
    const ChildResult aborted = Write("abort", "unregistered", "overlap", reallocates);
    EXPECT_EQ(aborted.signal(), SIGABRT) << aborted.status;
    const ChildResult warned = Write("warn", "unregistered", "overlap", reallocates);
    EXPECT_TRUE(warned.ExitedWith(0)) << warned.status;
    EXPECT_THAT(warned.err, AllOf(HasSubstr("fault: overlap: "), HasSubstr("(unregistered)"),
                                  HasSubstr("allocated by thread"), HasSubstr("found by thread")));
    const ChildResult sound = Write("abort", "unregistered", "sound", reallocates);
    EXPECT_TRUE(sound.ExitedWith(0)) << sound.status;
    EXPECT_THAT(sound.err, IsEmpty());
  }
}

TEST(DebugPadding, NobodyLooksWhileTheModeIsOff) {
  const ChildResult child = Write("none", "system", "fixed", 100);
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "came through\n");
  EXPECT_THAT(child.err, IsEmpty());
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (argc == 4) return alkaid::RunAsChild(argv[1], argv[2], std::stoi(argv[3]));
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
