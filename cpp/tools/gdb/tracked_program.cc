// A program that tracks its own memory: prints what it holds, line by line, and stops in Reached().
//
//   tracked_program            a few blocks and slices
//   tracked_program labels     blocks of many labels, strange ones among them
//   tracked_program grows      a large block, many others, and the end of the large one
//   tracked_program busy       threads allocate, reallocate, slice and free until it is killed

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/heap/tracking/tracking.h"

extern "C" [[gnu::noinline, gnu::visibility("default")]] void Reached(const char* state) {
  asm volatile("" ::"r"(state) : "memory");
}

namespace {

using alkaid::Buffer;
using alkaid::MemoryPool;
using alkaid::ScopedLabel;

template <typename T>
T OrAbort(alkaid::Result<T> result) {
  if (!result.ok()) std::abort();
  return *std::move(result);
}

struct Block {
  uint8_t* data;
  int64_t size;
};

[[gnu::noinline]] Block LoadsImages(MemoryPool* pool, int64_t size,
                                    std::string_view name = "image.pixels") {
  const ScopedLabel label(name);
  Block block = {nullptr, size};
  if (!pool->Allocate(size, &block.data).ok()) std::abort();
  std::memset(block.data, 'x', static_cast<size_t>(size));
  return block;
}

void Print(const char* what, const void* data, int64_t size) {
  std::printf("%s %p %" PRId64 "\n", what, data, size);
  std::fflush(stdout);
}

void Few(MemoryPool* pool) {
  const Block small = LoadsImages(pool, 1000);
  const Block large = LoadsImages(pool, 300000);
  uint8_t* plain = nullptr;
  if (!pool->Allocate(77, &plain).ok()) std::abort();
  std::shared_ptr<Buffer> root = OrAbort(alkaid::AllocateBuffer(1 << 20, pool));
  const uint8_t* const root_data = root->data();
  const int64_t held = root->capacity();
  const std::shared_ptr<Buffer> first = alkaid::SliceBuffer(root, 0, 1000);
  const std::shared_ptr<Buffer> second = alkaid::SliceBuffer(root, 500, 1000);
  root.reset();
  Print("label", small.data, small.size);
  Print("label", large.data, large.size);
  Print("plain", plain, 77);
  Print("root", root_data, held);
  Reached("before");

  pool->Free(small.data, small.size);
  uint8_t* moved = large.data;
  if (!pool->Reallocate(large.size, 600000, &moved).ok()) std::abort();
  Print("moved", moved, 600000);
  Reached("after");
  pool->Free(moved, 600000);
  pool->Free(plain, 77);
}

void Labels(MemoryPool* pool) {
  for (int i = 0; i < 12; ++i) LoadsImages(pool, 100 + i, "image." + std::to_string(i));
  // Terminal escapes, newlines and bytes that are not UTF-8 are escaped; letters are shown.
  LoadsImages(pool, 5000,
              "red\x1b[31m\nline\xc2\x9b"
              "31m\xff\x7f");
  LoadsImages(pool, 6000,
              "Gr\xc3\xb6\xc3\x9f"
              "e");
  Reached("labels");
}

// Enough blocks for the tables to grow. The large block goes back to the system, untouched.
void Grows(MemoryPool* pool) {
  const Block large = LoadsImages(pool, 777777);
  Print("large", large.data, large.size);
  Reached("before");
  uint8_t* small = nullptr;
  for (int i = 0; i < 20000; ++i) {
    if (!pool->Allocate(64, &small).ok()) std::abort();
  }
  pool->Free(large.data, large.size);
  Reached("after");
}

void Busy(MemoryPool* pool) {
  const Block kept = LoadsImages(pool, 123457);
  const auto work = [pool](int64_t unit) {
    std::vector<Block> blocks(400);
    for (uint64_t i = 0;; ++i) {
      Block& block = blocks[i * 7919 % blocks.size()];
      if (i % 3 == 0 && block.data != nullptr) {
        const int64_t size = block.size + unit;
        if (!pool->Reallocate(block.size, size, &block.data).ok()) std::abort();
        block.size = size;
        continue;
      }
      if (block.data != nullptr) pool->Free(block.data, block.size);
      block.size = static_cast<int64_t>(i % 50) * unit;
      if (!pool->Allocate(block.size, &block.data).ok()) std::abort();
    }
  };
  std::thread(work, 16).detach();
  std::thread(work, 24).detach();
  std::printf("process %d\n", getpid());
  Print("kept", kept.data, kept.size);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::unique_ptr<MemoryPool> pool = OrAbort(alkaid::CreateMemoryPool("system"));
  alkaid::heap::TrackingOptions options;
  options.pool = pool.get();
  options.views = true;
  if (!alkaid::heap::StartTracking(options).ok()) std::abort();
  if (argc > 1 && std::strcmp(argv[1], "busy") == 0) {
    Busy(pool.get());
  } else if (argc > 1 && std::strcmp(argv[1], "labels") == 0) {
    Labels(pool.get());
  } else if (argc > 1 && std::strcmp(argv[1], "grows") == 0) {
    Grows(pool.get());
  } else {
    Few(pool.get());
  }
  return 0;
}
