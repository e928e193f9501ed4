// The events of builders: how they grow and end, and who may advise them how far to grow.
//
// A builder (buffer_builder.h) calls one function here each time that it takes more capacity, and
// each time that its contents end. Appends within the capacity do not call it and pay nothing. A
// builder that never held a byte reports nothing.
//
// With ALKAID_TRACE_GROWTH=1 in the environment when the library is loaded, each growth is also
// written to stderr, as one line in one write:
//
//   alkaid: BufferBuilder growth label images base_ptr shift size 98304 capacity 98304 -> 196608
//   by need
//
// (on one line). Sizes are in bytes.
// - `base_ptr` is `new` for the first block, `shift` where the bytes moved to another address, and
//   `stays` where they did not.
// - `by` is need, reservation, advice or resize, as in BuilderGrowthReason.
// - The label is `-` where there is none. Characters that would break the line or control the
//   terminal are written as \x0a (base/printable_text.h); long labels are cut.
//
// Ownership: the library borrows an observer from Add to Remove. RemoveBuilderObserver returns once
// no call into that observer is running.
// Threads: events arrive on the thread that builds, on several at once; Add and Remove from any
// thread, except from inside an observer. The library holds no lock while it calls an observer. An
// observer does not get the events of what it builds itself.
// Observers must not throw: an exception that leaves one, Advise included, ends the program by
// std::terminate at the place of the throw.
// Out of memory: AddBuilderObserver throws std::bad_alloc and adds nothing. Events and
// RemoveBuilderObserver allocate nothing.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/label.h"

namespace alkaid {

// Why a builder took the capacity that it took.
enum class BuilderGrowthReason : uint8_t {
  kNeeded,    // what is to be appended needs it; at least twice the capacity before
  kReserved,  // SetReservation
  kAdvised,   // BuilderObserver::Advise
  kResized,   // a call of Resize, or Finish with a greater length
};

// Sizes and capacities in bytes.
struct BuilderGrowth {
  Label label;  // the builder's own, else that of the scope
  BuilderGrowthReason reason = BuilderGrowthReason::kNeeded;
  const void* old_data = nullptr;  // null for the first block; an identity, no longer to be read
  const void* new_data = nullptr;
  int64_t size = 0;  // what the builder holds, before anything is added
  int64_t old_capacity = 0;
  int64_t new_capacity = 0;
};

// The contents of a builder end when it is finished, reset, destroyed or assigned to, or gives all
// its capacity back. Rewind does not end them: a builder that is rewound between events reports
// once, for all of them together.
struct BuilderEnd {
  Label label;             // as at the first growth of these contents
  int64_t size = 0;        // at the end
  int64_t high_water = 0;  // the most it held; above `size` after Rewind
  int64_t capacity = 0;    // before Finish gave any back
  int64_t reallocations = 0;
  int64_t bytes_copied = 0;  // by those reallocations that moved the bytes
};

class ALKAID_EXPORT BuilderObserver {
 public:
  virtual ~BuilderObserver() = default;

  virtual void OnGrowth(const BuilderGrowth& /*growth*/) {}
  virtual void OnEnd(const BuilderEnd& /*end*/) {}
  // Called at the first growth of a builder that has no reservation: how many bytes it is likely to
  // hold, or 0 if unknown. The largest answer counts.
  virtual int64_t Advise(Label /*label*/) { return 0; }
};

// Adding an observer twice adds it once; removing one that was never added does nothing.
ALKAID_EXPORT void AddBuilderObserver(BuilderObserver* observer);
ALKAID_EXPORT void RemoveBuilderObserver(BuilderObserver* observer) noexcept;

// As ALKAID_TRACE_GROWTH: whether each growth is written to stderr. Threads: any, at any time.
ALKAID_EXPORT void TraceBuilderGrowth(bool on);

namespace internal {

ALKAID_EXPORT void NotifyBuilderGrowth(const BuilderGrowth& growth);
ALKAID_EXPORT void NotifyBuilderEnd(const BuilderEnd& end);
ALKAID_EXPORT int64_t AdviseBuilder(Label label);

}  // namespace internal
}  // namespace alkaid
