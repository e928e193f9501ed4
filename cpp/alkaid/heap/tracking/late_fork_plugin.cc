// The plug-in that late_fork_test loads: work on a pool for its threads, and a comparison of the
// tables of live memory with the blocks that the threads hold.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "alkaid/core/memory.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace {

using alkaid::MemoryPool;

constexpr int kWorkers = 4;
constexpr int kSlots = 16;

constexpr const char* kLabels[] = {"first", "second", "third"};
// Made at load: a thread that makes a new label waits for the fork.
const bool all_made = [] {
  for (const char* name : kLabels) alkaid::Label::Intern(name);
  return alkaid::default_memory_pool() != nullptr;
}();

struct Slot {
  uint8_t* block;
  int64_t size;
};
// Each worker's own.
Slot slots[kWorkers][kSlots] = {};
uint64_t random_states[kWorkers] = {};

uint32_t Random(int worker) {
  uint64_t& state = random_states[worker];
  if (state == 0) state = static_cast<uint64_t>(worker) + 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(state >> 33);
}

bool Fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  return false;
}

bool IsListed(const Slot& slot) {
  alkaid::heap::LiveBlock block;
  return alkaid::heap::Tables().blocks.Get(reinterpret_cast<uint64_t>(slot.block), &block) &&
         block.size == static_cast<uint64_t>(slot.size);
}

}  // namespace

#define ALKAID_PLUGIN_FUNCTION extern "C" __attribute__((visibility("default")))

// Allocates, reallocates or frees one of the worker's blocks, and makes a slice.
ALKAID_PLUGIN_FUNCTION void plugin_step(int worker) {
  MemoryPool* const pool = alkaid::default_memory_pool();
  Slot& slot = slots[worker][Random(worker) % kSlots];
  const int64_t size = 1 + Random(worker) % 9000;
  const alkaid::ScopedLabel label(alkaid::Label::Intern(kLabels[Random(worker) % 3]));
  if (slot.block == nullptr) {
    if (pool->Allocate(size, &slot.block).ok()) slot.size = size;
  } else if (Random(worker) % 2 == 0) {
    if (pool->Reallocate(slot.size, size, &slot.block).ok()) slot.size = size;
  } else {
    pool->Free(slot.block, slot.size);
    slot = {};
  }
  const auto text = alkaid::Buffer::FromString("abcdef");
  const auto slice = alkaid::SliceBuffer(text, 1, 2);
}

ALKAID_PLUGIN_FUNCTION void plugin_free_all(int worker) {
  for (Slot& slot : slots[worker]) {
    if (slot.block != nullptr) alkaid::default_memory_pool()->Free(slot.block, slot.size);
    slot = {};
  }
}

// Whether the tables list exactly the blocks that the workers hold. Call while no worker runs.
ALKAID_PLUGIN_FUNCTION bool plugin_check() {
  MemoryPool* const pool = alkaid::default_memory_pool();
  int64_t bytes = 0;
  uint64_t blocks = 0;
  for (const auto& own : slots) {
    for (const Slot& slot : own) {
      if (slot.block == nullptr) continue;
      bytes += slot.size;
      ++blocks;
    }
  }
  if (pool->bytes_allocated() != bytes) return Fail("the pool has other figures");
  if (!alkaid::heap::IsTracking()) return true;
  if (alkaid::heap::Root().sample_bytes != 0) return true;
  uint64_t listed = 0;
  alkaid::heap::Tables().blocks.ForEach([&](const alkaid::heap::LiveBlock&) { ++listed; });
  for (const auto& own : slots) {
    for (const Slot& slot : own) {
      if (slot.block == nullptr || IsListed(slot)) continue;
      std::fprintf(stderr, "%p of %lld bytes, of thread %d, is not listed\n",
                   static_cast<void*>(slot.block), static_cast<long long>(slot.size),
                   static_cast<int>(&own - slots));
      return false;
    }
  }
  if (listed != blocks) {
    std::fprintf(stderr, "%llu blocks are listed, and there are %llu\n",
                 static_cast<unsigned long long>(listed), static_cast<unsigned long long>(blocks));
    return false;
  }
  if (alkaid::heap::Tables().views.live() != 0) return Fail("a view is listed");
  if (alkaid::heap::Root().moving != 0) return Fail("a block counts as moving");
  if (alkaid::heap::Root().lost != 0) return Fail("an event was lost");
  return true;
}
