// What does a frame of a back-trace cost with each unwinder? Against writing as many words.
//
// The stack is 64 calls deep and is unwound from its innermost call; the figure is for one frame.
// The program keeps frame pointers, so that each unwinder must see the same frames, which it
// checks.

#include <array>
#include <cstdint>
#include <string>

#include "alkaid/unwind/stack_trace.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

using unwind::CaptureStack;
using unwind::Unwinder;

constexpr int kFrames = 64;

struct Walk {
  Unwinder unwinder;
  int64_t times;
};

[[gnu::noinline]] void Look(const Walk& walk) {
  std::array<uint64_t, kFrames> frames;
  for (int64_t i = 0; i < walk.times; ++i) {
    const int depth = CaptureStack(walk.unwinder, frames.data(), kFrames);
    benchmark::DoNotOptimize(frames);
    Require(depth == kFrames, "the stack was not seen as deep as it is");
  }
}

[[gnu::noinline]] void Descend(int depth, const Walk& walk) {
  if (depth == 0) {
    Look(walk);
  } else {
    Descend(depth - 1, walk);
  }
  benchmark::DoNotOptimize(depth);  // no tail call
}

// The floor: writes as many words.
void WriteFrames(int64_t times) {
  std::array<uint64_t, kFrames> frames;
  for (int64_t i = 0; i < times; ++i) {
    for (uint64_t& frame : frames) frame = static_cast<uint64_t>(i);
    benchmark::DoNotOptimize(frames);
  }
}

void RegisterUnwinder(Unwinder unwinder, const std::string& name, const Bar& bar) {
  Register({.name = "unwind/" + name,
            .question = "a frame of a back-trace",
            .variant = name,
            .measured =
                [unwinder](int64_t times) {
                  Descend(kFrames, {unwinder, times});
                },
            .floor = WriteFrames,
            .bars = {bar},
            .items = kFrames});
}

int Main(int argc, char** argv) {
  // 16 frames must leave most of a microsecond for the rest of tracking.
  RegisterUnwinder(Unwinder::kCallFrameInfo, "cfi", Bar::Most(30));
  RegisterUnwinder(Unwinder::kFramePointers, "fp", Bar::None());
  RegisterUnwinder(Unwinder::kRuntime, "runtime", Bar::None());
  return RunBenchmarks(argc, argv);
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) { return alkaid::bench::Main(argc, argv); }
