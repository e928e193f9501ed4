// What builders tell of their growth, and whom they ask how far to grow.
//
// Each time that a builder (buffer_builder.h) takes more capacity, and each time that what it held
// is over, it passes one function here. Appends within the capacity do not come here and pay
// nothing. Nor does a builder whose contents never had a byte.
//
// With ALKAID_TRACE_GROWTH=1 in the environment when the library is loaded, each growth is a line
// on stderr as well, written in one piece:
//
//   alkaid: BufferBuilder growth label images base_ptr shift size 98304 capacity 98304 -> 196608
//   by need
//
// (one line). `base_ptr` is `new` for the first block, `shift` where the bytes moved to another
// address, `stays` where they did not; sizes are in bytes; `by` is need, reservation, advice or
// resize, as BuilderGrowthReason. The label is `-` where there is none; what would split the line
// or order the terminal about is written as \x0a (base/printable_text.h), and long labels are cut.
//
// Ownership: the library borrows an observer from Add to Remove. Threads: events arrive on the
// thread that builds, on several at once; Add and Remove from any thread, except from inside an
// observer. RemoveBuilderObserver returns once no call into that observer is running. No lock of
// the library is held while an observer is told. An observer is not told of what it builds itself.
// Observers must not throw: an exception that leaves one, Advise included, ends the program by
// std::terminate, where it was thrown.
// Out of memory: AddBuilderObserver throws std::bad_alloc, and nothing was added; telling and
// RemoveBuilderObserver allocate nothing.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/label.h"

namespace alkaid {

// Why a builder went to the capacity that it went to.
enum class BuilderGrowthReason : uint8_t {
  kNeeded,    // what was to be added, or twice the capacity before
  kReserved,  // SetReservation
  kAdvised,   // BuilderObserver::Advise
  kResized,   // somebody called Resize, or finished with a greater length
};

// Sizes and capacities in bytes.
struct BuilderGrowth {
  Label label;  // the builder's own, or that of the scope
  BuilderGrowthReason reason = BuilderGrowthReason::kNeeded;
  const void* old_data = nullptr;  // null for the first block; an identity, no longer to be read
  const void* new_data = nullptr;
  int64_t size = 0;  // what the builder holds, before anything is added
  int64_t old_capacity = 0;
  int64_t new_capacity = 0;
};

// Told when a builder is finished, reset, destroyed or assigned to, or gives all its capacity back.
// Rewind is no end: a builder that is rewound from one event to the next tells once, of all of
// them.
struct BuilderEnd {
  Label label;             // as at the first growth of these contents
  int64_t size = 0;        // at the end
  int64_t high_water = 0;  // at most; above `size` after Rewind
  int64_t capacity = 0;    // before Finish gave any back
  int64_t reallocations = 0;
  int64_t bytes_copied = 0;  // by those reallocations that moved the bytes
};

class ALKAID_EXPORT BuilderObserver {
 public:
  virtual ~BuilderObserver() = default;

  virtual void OnGrowth(const BuilderGrowth& /*growth*/) {}
  virtual void OnEnd(const BuilderEnd& /*end*/) {}
  // Asked at the first growth of a builder that has no reservation: how many bytes it is likely to
  // hold, 0 where that is not known. The largest answer counts.
  virtual int64_t Advise(Label /*label*/) { return 0; }
};

// An observer that is there already is not added again; one that is not there is not removed.
ALKAID_EXPORT void AddBuilderObserver(BuilderObserver* observer);
ALKAID_EXPORT void RemoveBuilderObserver(BuilderObserver* observer) noexcept;

// As ALKAID_TRACE_GROWTH: whether each growth is a line on stderr. Threads: any, at any time.
ALKAID_EXPORT void TraceBuilderGrowth(bool on);

namespace internal {

ALKAID_EXPORT void EmitBuilderGrowth(const BuilderGrowth& growth);
ALKAID_EXPORT void EmitBuilderEnd(const BuilderEnd& end);
ALKAID_EXPORT int64_t AdviseBuilder(Label label);

}  // namespace internal
}  // namespace alkaid
