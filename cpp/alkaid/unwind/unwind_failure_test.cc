// Walking a stack needs no memory, not even at its first use (fixtures/failure_suite.h).
#include <array>
#include <cstdint>

#include "alkaid/unwind/stack_trace.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid::unwind {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;

TEST(UnwindOutOfMemory, AWalkNeedsNone) {
  for (const Unwinder unwinder :
       {Unwinder::kCallFrameInfo, Unwinder::kFramePointers, Unwinder::kRuntime}) {
    std::array<uint64_t, 64> frames;
    int depth = 0;
    EXPECT_EQ(WithoutNew([&] { depth = CaptureStack(unwinder, frames.data(), 64); }), 0);
    EXPECT_GT(depth, 1);
    FailureSuite::Try(
        "CaptureStack", failing::OutOfMemory::kNeedsNone, [](MemoryPool*) { return 0; },
        [&](int&) { return CaptureStack(unwinder, frames.data(), 3); },
        [](int&, int walked) { return std::to_string(walked); });
    FailureSuite::Try(
        "CaptureStackPlaces", failing::OutOfMemory::kNeedsNone, [](MemoryPool*) { return 0; },
        [&](int&) {
          std::array<uint64_t, 3> pointers;
          return CaptureStackPlaces(unwinder, frames.data(), pointers.data(), 3);
        },
        [](int&, int walked) { return std::to_string(walked); });
  }
  EXPECT_EQ(WithoutNew([] { (void)CountOfRuntimeWalks(); }), 0);
}

}  // namespace
}  // namespace alkaid::unwind

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
