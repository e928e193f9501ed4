// The part of HeapTracker that puts Python functions among native frames.

#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/own_frames_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::heap {

void HeapTracker::HappenInPython(HeapEvent* event, const void* caller, int most) {
  const auto max_frames = static_cast<size_t>(most);
  const size_t room = max_frames + kOwnFrames;
  auto* const frames =
      static_cast<uint64_t*>(__builtin_alloca((2 * room + max_frames) * sizeof(uint64_t)));
  uint64_t* const stack_pointers = frames + room;
  uint64_t* const woven = stack_pointers + room;
  const int depth = unwind::CaptureStackPlaces(unwinder_.load(std::memory_order_relaxed), frames,
                                               stack_pointers, static_cast<int>(room));
  const auto users =
      WithoutOwnFrames({frames, static_cast<size_t>(depth)}, reinterpret_cast<uint64_t>(caller));
  const size_t count =
      Tables().python.Weave(users, stack_pointers + (users.data() - frames), {woven, max_frames});
  event->frames = {woven, count};
  Happen(*event);
}

}  // namespace alkaid::heap
