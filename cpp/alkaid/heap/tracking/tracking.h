// Tracking: a table of all live blocks, each with its size, pool, label, age, thread and stack
// trace.
//
// StartTracking switches tracking on at any moment; ALKAID_TRACK_ALLOCATIONS does so from the start
// of the process. Blocks from before are not listed one by one: HeapSnapshot reports their bytes
// per pool. One that is reallocated, sliced or freed later is recognised as such. While tracking is
// off it costs nothing.
//
// The tables have their own mapped memory, so tracking never calls an allocator that it watches.
// When tracking stops, this memory is emptied but stays mapped, because malloc may be using it at
// that moment; the next start uses it again. The layout is public (heap_layout.h).
//
// Each stack trace is kept once, for the life of the process, in at most 128 MiB and a much smaller
// index. When that is full, blocks with new stack traces are recorded without one, and HeapSnapshot
// counts them. Fewer frames or a sample need less.
//
// A recorded allocation uses up to 4 KiB more of its thread's stack, and 8 bytes for each frame
// above 32; in a process with Python up to 8 KiB, and 24 bytes a frame. Every thread, coroutine and
// signal handler that allocates needs that much stack to spare.
//
// The tables are locked around a fork. A fork handler that was registered before this library was
// loaded must not wait for threads that allocate: see `alkaid run --track` in docs/heap.md.
//
// When malloc is watched too, a pool's block that is a whole block of malloc's is listed once, as
// the pool's. If a pool hands out parts of malloc's blocks, both the parts and malloc's blocks are
// listed. The exception is a part at the start of malloc's block: only the whole block is listed
// there, as malloc's.
//
// Ownership: process-wide. Threads: all functions, from any thread.
// Out of memory: StartTracking returns kResourceExhausted and tracking stays off; StopTracking
// needs no memory; GetLabelStatistics throws std::bad_alloc. A block that cannot be recorded is
// counted (`lost` in heap_layout.h) and nothing else changes.
// After a fork the child has the tables as they were, and tracking goes on there. A fork under
// ThreadSanitizer while tracking is on needs TSAN_OPTIONS=detect_deadlocks=0: the tables have more
// locks than it can follow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid {
class MemoryPool;
}

namespace alkaid::heap {

using unwind::Unwinder;

inline constexpr int kMaxFrames = 128;

struct TrackingOptions {
  // 0: every allocation. Else about one sample per this many allocated bytes, chosen so that sums
  // over `weight` are unbiased.
  int64_t sample_bytes = 0;
  // Frames of a stack trace, at most kMaxFrames; 0: none.
  int max_frames = 32;
  Unwinder unwinder = Unwinder::kCallFrameInfo;
  // Shows Python functions, with file and line, in place of the interpreter's native frames. Needs
  // an interpreter of a known version in the process when tracking starts (docs/heap-python.md).
  bool python = true;
  // Only this pool's blocks. Null: the blocks of all pools, and of malloc under `alkaid run
  // --track`.
  const MemoryPool* pool = nullptr;
  // Records slices too: which view keeps which root alive. A root is identified only by the address
  // of its first byte. A root that is in no table (its memory is no pool's, or is older than
  // tracking) is listed when it is first sliced, and removed when a root at that address is
  // released. Therefore:
  // - a root inside a listed block is counted in addition to that block;
  // - a root from before tracking also counts among its pool's untracked bytes;
  // - of two roots over the same bytes, the first one released removes the record.
  bool views = false;
};

// "1" means the defaults; a list such as "sample:524288,frames=16,unwinder=fp,views" changes them.
// The unwinders are cfi, fp and runtime; "python=off" leaves Python functions out.
// kInvalidArgument names the word that was not understood.
ALKAID_EXPORT Result<TrackingOptions> ParseTrackingOptions(std::string_view text);

// Starts with empty tables. kFailedPrecondition if tracking is on already; kInvalidArgument for
// options outside their ranges; kResourceExhausted out of memory.
ALKAID_EXPORT Status StartTracking(const TrackingOptions& options = {});
// Forgets everything. Does nothing if tracking is off.
ALKAID_EXPORT void StopTracking() noexcept;
ALKAID_EXPORT bool IsTracking();

// The figures of one label since tracking started. Estimates if sampled.
struct LabelStatistics {
  std::string label;       // "": blocks without a label
  int64_t live_bytes = 0;  // now
  int64_t live_blocks = 0;
  int64_t total_bytes = 0;  // ever: allocations and growth by reallocation, as a pool counts
  int64_t total_blocks = 0;
};
// Most live bytes first.
ALKAID_EXPORT std::vector<LabelStatistics> GetLabelStatistics();

}  // namespace alkaid::heap
