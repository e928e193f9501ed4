// Keeping a table of what is live: each block with its size, pool, label, age, thread and
// back-trace.
//
// Tracking can be switched on at any moment, by StartTracking, or from the start of the process by
// ALKAID_TRACK_ALLOCATIONS. Blocks that were there before are not known one by one: HeapSnapshot
// tells how many bytes of each pool they are, and one that is reallocated, sliced or freed later is
// recognised as such. While tracking is off it costs nothing.
//
// The tables lie in memory of their own, mapped for them: tracking never calls an allocator that it
// watches. What was mapped stays so when tracking ends, emptied, and serves the next start: malloc
// may be at work in it at any moment. Their layout is public (heap_layout.h).
//
// Back-traces are kept once each, for as long as the process lives, in at most 128 MiB and an index
// that is small beside it. When that is full, blocks with other back-traces are recorded without
// one, and HeapSnapshot counts them. Fewer frames or a sample need less.
//
// An allocation that is recorded takes up to 4 KiB more of its thread's stack, and 8 bytes for each
// frame beyond 32; in a process with Python up to 8 KiB, and 24 bytes. A thread, coroutine or signal handler needs that much to spare wherever it
// allocates.
//
// The tables are locked around a fork. A fork handler that was registered before this library was
// loaded must not wait for threads that allocate: see `alkaid run --track` in docs/heap.md.
//
// Where malloc is watched too, a pool's block that is a whole block of malloc's is listed once, as
// the pool's. A pool that hands out parts of malloc's blocks is listed beside these, but for a part
// that begins where malloc's block does: there the whole block is listed, as malloc's.
//
// Ownership: process-wide. Threads: all functions, from any thread. Out of memory: StartTracking
// says kResourceExhausted, and tracking is off as before; StopTracking needs none;
// GetLabelStatistics throws std::bad_alloc. Blocks that could not be recorded are counted
// (heap_layout.h: `lost`), and nothing else is disturbed. After fork the child has the tables as
// they were, and goes on. Under ThreadSanitizer a fork while tracking is on needs
// TSAN_OPTIONS=detect_deadlocks=0, since the tables have more locks than it follows.
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
  // 0: every allocation. Else one in about so many allocated bytes, chosen so that sums over
  // `weight` are unbiased.
  int64_t sample_bytes = 0;
  // Frames of a back-trace, at most kMaxFrames; 0: none.
  int max_frames = 32;
  Unwinder unwinder = Unwinder::kCallFrameInfo;
  // Functions of Python, with file and line, in the place of the interpreter's native frames: where
  // an interpreter of a known version is in the process when tracking begins (docs/heap-python.md).
  bool python = true;
  // Only this pool's blocks; null: those of all pools, and of malloc where `alkaid run --track`
  // brought it in.
  const MemoryPool* pool = nullptr;
  // Slices as well: which view keeps which root. A root that is in the table is known by the
  // address of its first byte alone. One over memory that no pool gave, or from before, is listed
  // when it is first sliced, until a root over that address goes. So a root inside a block that is
  // listed counts beside that; one from before also counts among its pool's untracked bytes; and of
  // two roots over the same bytes the first to go takes the record with it.
  bool views = false;
};

// "1" is the default; a list such as "sample:524288,frames=16,unwinder=fp,views" changes it. The
// unwinders are cfi, fp and runtime; "python=off" leaves functions of Python out. kInvalidArgument names the word that is not understood.
ALKAID_EXPORT Result<TrackingOptions> ParseTrackingOptions(std::string_view text);

// Begins with empty tables. kFailedPrecondition where tracking is on already; kInvalidArgument for
// options outside their ranges; kResourceExhausted, for the tables and else.
ALKAID_EXPORT Status StartTracking(const TrackingOptions& options = {});
// Forgets everything. Does nothing where tracking is off.
ALKAID_EXPORT void StopTracking() noexcept;
ALKAID_EXPORT bool IsTracking();

// What one label has come to since tracking began. Sampled: estimates.
struct LabelStatistics {
  std::string label;       // "" for what had none
  int64_t live_bytes = 0;  // now
  int64_t live_blocks = 0;
  int64_t total_bytes = 0;  // ever: allocations and the growth of reallocations, as a pool counts
  int64_t total_blocks = 0;
};
// Most live bytes first.
ALKAID_EXPORT std::vector<LabelStatistics> GetLabelStatistics();

}  // namespace alkaid::heap
