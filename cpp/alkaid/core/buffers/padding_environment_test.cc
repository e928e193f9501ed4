// ALKAID_DEBUG_MEMORY_POOL and the padding of buffers, seen from outside: writes past the end are
// planted in child processes, and each must be found although the bytes belong to the block.
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

// A pool that no registry knows. It serves every block from one piece of memory, and where it is to
// err, the third block begins before the second one ends.
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

// Several buffers at a time, of which the third block is one that is allocated or reallocated.
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

// What is asked for as capacity, or given up to keep it, is the owner's to write.
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

// The child's part: one life of a buffer of 100 bytes, written at `place`.
int RunAsChild(const std::string& backend, const std::string& kind, int place) {
  if (backend == "unregistered") return RunOverlap(kind == "overlap", place == 1);
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
    // To the last byte of each capacity, and given up.
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
        EXPECT_THAT(warned.err,
                    AllOf(HasSubstr("byte " + std::to_string(place - 100) +
                                    " past the end of the 100-byte buffer at 0x"),
                          HasSubstr(backend), HasSubstr("allocated by thread"), HasSubstr("found by thread")));
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
