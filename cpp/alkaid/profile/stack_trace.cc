#include <unwind.h>

#include "alkaid/profile/stack_trace_internal.h"

namespace alkaid::profile {
namespace {

struct Walk {
  uint64_t* frames;
  int max_frames;
  int depth;
  bool own;  // the walker's own frame comes first
};

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* argument) {
  auto* const walk = static_cast<Walk*>(argument);
  if (walk->own) {
    walk->own = false;
    return _URC_NO_REASON;
  }
  if (walk->depth == walk->max_frames) return _URC_END_OF_STACK;
  walk->frames[walk->depth++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

}  // namespace

[[gnu::noinline]] int CaptureStack(Unwinder /*unwinder*/, uint64_t* frames, int max_frames) {
  Walk walk = {frames, max_frames, 0, true};
  _Unwind_Backtrace(AddFrame, &walk);
  return walk.depth;
}

}  // namespace alkaid::profile
