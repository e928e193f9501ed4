#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "alkaid/base/stderr_text_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::heap {
namespace {

// Each test sets its filters in a child, without those of other tests.
using internal::RunInChild;

TEST(Confinement, IsTheThreadsThatSetTheFilterOrEveryThreads) {
  EXPECT_TRUE(MayWriteHeapFiles());
  EXPECT_TRUE(MayStartThreads());
  EXPECT_EQ(RunInChild([] {
              alkaid_track_confined(kNoThreads, /*every_thread=*/0);
              if (!MayWriteHeapFiles() || MayStartThreads()) return 1;
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              return MayWriteHeapFiles() || MayStartThreads() ? 2 : 0;
            }),
            0);
  EXPECT_EQ(RunInChild([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/1);
              return MayWriteHeapFiles() || !MayStartThreads() ? 1 : 0;
            }),
            0);
}

// The threads are the child's own, so that this process stays free of filters.
TEST(Confinement, OfAThreadIsNotThatOfOneThatWasSeenBefore) {
  EXPECT_EQ(RunInChild([] {
              ThreadId();
              tracking_thread.confinement = kSeen;
              TrackingThread other = tracking_thread;
              tracking_thread.confinement = 0;
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              tracking_thread = other;
              return MayWriteHeapFiles() ? 0 : 1;
            }),
            0);
}

TEST(Confinement, OfAThreadCountsForOneThatIsSeenLaterWhichMayHaveInheritedIt) {
  EXPECT_EQ(RunInChild([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              tracking_thread = {};  // as in a new thread
              ThreadId();            // too late to count as seen
              if (MayWriteHeapFiles()) return 1;
              InheritConfinement(0);  // from a thread that reports what it has
              return MayWriteHeapFiles() ? 0 : 2;
            }),
            0);
}

TEST(Confinement, OfOtherThreadsIsNotAForkedChilds) {
  EXPECT_EQ(RunInChild([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              tracking_thread.confinement = kSeen;  // as another thread, which forks
              ForgetOtherThreadsFilters();
              tracking_thread = {};
              return MayWriteHeapFiles() ? 0 : 1;
            }),
            0);
}

TEST(Confinement, AThreadInStrictModeRecordsNothingMore) {
  EXPECT_EQ(RunInChild([] {
              alkaid_track_strict();
              const InsideTracking inside;
              return inside.entered() || MayWriteHeapFiles() || MayStartThreads() ? 1 : 0;
            }),
            0);
}

// The stderr of a child that runs `body` while heap files are expected.
std::string SaidByChild(void (*body)()) {
  ::testing::internal::CaptureStderr();
  RunInChild([body] {
    body();
    return 0;
  });
  return ::testing::internal::GetCapturedStderr();
}

void Confine(int what) {
  alkaid_track_confining(what);
  alkaid_track_confined(what, /*every_thread=*/0);
}

TEST(Confinement, IsSaidOnceAndOnlyWhereFilesAreAskedFor) {
  EXPECT_EQ(SaidByChild([] { Confine(kNoFiles); }), "");
  for (const int how : {0, int{kOnlyWrite}, int{kNoWrite}}) {
    static int with;
    with = how;
    const std::string said = SaidByChild([] {
      ExpectHeapFiles();
      Confine(kNoThreads);
      Confine(kNoFiles | kNoThreads | with);
      Confine(kNoFiles);
    });
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << how << said;
  }
}

TEST(Confinement, IsSaidWhereTheKernelTakesTheFilterAndOnlyThen) {
  EXPECT_EQ(SaidByChild([] {
              ExpectHeapFiles();
              alkaid_track_confining(kNoFiles | kOnlyWrite);
            }),
            "");
}

TEST(Confinement, DecidesWhatALineOnStderrMayTake) {
  using internal::AllowedStderrCalls;
  using internal::StderrCalls;
  EXPECT_EQ(AllowedStderrCalls(), StderrCalls::kAll);
  EXPECT_EQ(RunInChild([] {
              alkaid_track_confined(kOnlyWrite, /*every_thread=*/0);
              if (AllowedStderrCalls() != StderrCalls::kOnlyWrite) return 1;
              alkaid_track_confined(kNoWrite, /*every_thread=*/1);
              return AllowedStderrCalls() == StderrCalls::kNone ? 0 : 2;
            }),
            0);
  EXPECT_EQ(RunInChild([] {
              alkaid_track_strict();
              return AllowedStderrCalls() == StderrCalls::kOnlyWrite ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace alkaid::heap
