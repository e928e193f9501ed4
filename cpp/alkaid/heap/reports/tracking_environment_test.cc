// ALKAID_TRACK_ALLOCATIONS, and tracking out of memory, tested in separate processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

namespace alkaid::heap {
namespace {

using ::alkaid::internal::ChildResult;
using ::alkaid::internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

uint8_t* AllocateEarly() {
  uint8_t* block = nullptr;
  return default_memory_pool()->Allocate(4321, &block).ok() ? block : nullptr;
}

// Allocated before main begins.
uint8_t* const early_block = AllocateEarly();

// The child's part: prints what it finds.
int RunAsChild() {
  LiveBlock block;
  const bool early = Tables().blocks.Get(reinterpret_cast<uint64_t>(early_block), &block);
  std::printf("%s, %d frames, one in %d bytes, early block %s\n", IsTracking() ? "on" : "off",
              static_cast<int>(Root().max_frames), static_cast<int>(Root().sample_bytes),
              early ? "listed" : "not listed");
  return 0;
}

// From now on the kernel gives no more memory.
void Starve() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_AS, &none);
}

// The child's part: starts without memory for tables.
int RunStarved() {
  Starve();
  const Status status = StartTracking();
  std::printf("%s, %s\n", status.ToString().c_str(), IsTracking() ? "on" : "off");
  return 0;
}

// The child's part: runs out of memory while it tracks more and more blocks.
int RunOutOfMemory() {
  constexpr uint64_t kBlocks = 60'000;
  if (!StartTracking({.max_frames = 0}).ok()) return 1;
  Starve();
  for (uint64_t i = 1; i <= kBlocks; ++i) {
    alkaid_track_malloc(reinterpret_cast<const void*>(64 * i), 10);
  }
  const uint64_t live = Tables().blocks.live();
  uint64_t found = 0;
  LiveBlock block;
  for (uint64_t i = 1; i <= kBlocks; ++i) found += Tables().blocks.Get(64 * i, &block);
  std::printf("%s, %s, %s\n", live > 0 ? "some" : "none",
              live + Root().lost == kBlocks ? "the others lost" : "the others unknown",
              found == live ? "all found" : "not all found");
  return 0;
}

TEST(TrackingMemory, TablesThatCanNotBeMappedAreAnErrorAndTrackingStaysOff) {
  if (::alkaid::internal::kMallocIsSanitizers) {
    GTEST_SKIP() << "a sanitizer's runtime cannot do without memory of its own";
  }
  const ChildResult child = RunSelf({"starved"}, {{"ALKAID_TRACK_ALLOCATIONS", std::nullopt}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "RESOURCE_EXHAUSTED: tracking: no memory for its tables, off\n");
}

TEST(TrackingMemory, BlocksThatFindNoRoomAreCountedAndTheOthersStay) {
  if (::alkaid::internal::kMallocIsSanitizers) {
    GTEST_SKIP() << "a sanitizer's runtime cannot do without memory of its own";
  }
  const ChildResult child = RunSelf({"out"}, {{"ALKAID_TRACK_ALLOCATIONS", std::nullopt}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "some, the others lost, all found\n");
}

ChildResult RunWith(const std::optional<std::string>& value) {
  return RunSelf({"say"}, {{"ALKAID_TRACK_ALLOCATIONS", value}});
}

TEST(TrackingEnvironment, TracksFromBeforeMain) {
  const ChildResult child = RunWith("1");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "on, 32 frames, one in 0 bytes, early block listed\n");
  EXPECT_THAT(child.err, IsEmpty());
}

TEST(TrackingEnvironment, OptionsAreHonoured) {
  const ChildResult child = RunWith("sample:1073741824,frames=5,unwinder=runtime");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.out, HasSubstr("on, 5 frames, one in 1073741824 bytes"));
  EXPECT_THAT(child.err, IsEmpty());
}

TEST(TrackingEnvironment, UnsetEmptyAndZeroAreOff) {
  for (const std::optional<std::string>& value :
       {std::optional<std::string>(), std::optional<std::string>(""),
        std::optional<std::string>("0")}) {
    const ChildResult child = RunWith(value);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.out, HasSubstr("off"));
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(TrackingEnvironment, ABadValueIsReportedInOneLineAndTheProgramRuns) {
  const ChildResult child = RunWith("sample:lots");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.out, HasSubstr("off"));
  EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_TRACK_ALLOCATIONS=sample:lots"),
                               HasSubstr("needs a number"), HasSubstr("tracking stays off")));
  EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1);
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  const std::string part = argc == 2 ? argv[1] : "";
  if (part == "say") return alkaid::heap::RunAsChild();
  if (part == "starved") return alkaid::heap::RunStarved();
  if (part == "out") return alkaid::heap::RunOutOfMemory();
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
