// An arena of the library's jemalloc whose blocks show in the process's address space as they come.
//
// jemalloc maps address space in steps that grow with what it has, and serves new blocks from freed
// ones. So blocks whose growth is to be measured come from an arena of their own, which grows by
// small steps.
//
// Ownership: an arena lives as long as the process. Threads: any; a scope belongs to its thread and
// ends on it. Out of memory: kResourceExhausted, or as errno maps. Without jemalloc:
// kUnimplemented.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

// A new arena, which maps at most `step` bytes at once for blocks smaller than that.
ALKAID_EXPORT Result<unsigned> MakeJemallocArena(int64_t step);

// During this scope, the calling thread's allocations from pools over jemalloc come from `arena`;
// blocks of up to 64 KiB may come from the thread's cache.
class ALKAID_EXPORT JemallocArenaScope {
 public:
  explicit JemallocArenaScope(unsigned arena);
  ~JemallocArenaScope();
  JemallocArenaScope(const JemallocArenaScope&) = delete;
  JemallocArenaScope& operator=(const JemallocArenaScope&) = delete;

 private:
  // A build without jemalloc needs neither.
  [[maybe_unused]] unsigned outer_ = 0;
  [[maybe_unused]] bool switched_ = false;
};

}  // namespace alkaid::internal
