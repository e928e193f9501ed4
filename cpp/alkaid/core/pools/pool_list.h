// The list of pools in memory, for readers outside the process: a debugger, a core dump.
//
//   alkaid_pools --> PoolRecord --> PoolRecord --> ...
//                       lines --> CounterLine --> CounterLine --> ...     one per thread
//                       shared -> SharedCounters
//
// Everything starts at one exported object, `alkaid_pools`, whose name is in the library's dynamic
// symbol table and so survives stripping. Values are little-endian and 64 bits wide unless stated.
// A change that an older reader would misread gets a new version; fields that are only added
// increase `root_size`.
//
// A pool's figures are sums over its counter lines (thread_counters.h) and its shared counters:
// - live bytes: the sum of `total - freed`, plus `net`
// - allocations and bytes ever allocated: the sums of `count` and of `total`
// - peak: the lesser of `announced_peak` and the sum of `high`
//
// Ownership: a record belongs to its pool and ends with it. Threads: the list changes under a lock
// that an outside reader cannot take; `changing` is not 0 meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

struct CounterLine;
struct SharedCounters;

inline constexpr uint32_t kPoolListVersion = 1;

struct PoolRecord {
  PoolRecord* next = nullptr;
  uint64_t id = 0;                           // 1, 2, 3 ... in the order in which pools were made
  const void* pool = nullptr;                // the MemoryPool
  std::atomic<CounterLine*> lines{nullptr};  // linked by their `next`
  const SharedCounters* shared = nullptr;    // net, high, total, count
  const std::atomic<int64_t>* announced_peak = nullptr;
  char name[80] = {};  // what it is, cut and zero-terminated
};
static_assert(sizeof(PoolRecord) == 128 && offsetof(PoolRecord, lines) == 24 &&
              offsetof(PoolRecord, name) == 48);

struct PoolListRoot {
  char magic[8];       // "ALKPOOL" and a zero
  uint32_t version;    // kPoolListVersion
  uint32_t root_size;  // sizeof(PoolListRoot)
  std::atomic<uint64_t> changing;
  std::atomic<PoolRecord*> first;
};
static_assert(sizeof(PoolListRoot) == 32);

}  // namespace alkaid::internal

extern "C" ALKAID_EXPORT alkaid::internal::PoolListRoot alkaid_pools;
