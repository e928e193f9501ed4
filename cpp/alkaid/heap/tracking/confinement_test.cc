#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

// What a child ends with that runs `body`; other tests' filters are not there.
int ChildsCode(int (*body)()) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Confinement, IsTheThreadsThatSetTheFilterOrEveryThreads) {
  EXPECT_TRUE(MayWriteHeapFiles());
  EXPECT_TRUE(MayStartThreads());
  EXPECT_EQ(ChildsCode([] {
              alkaid_track_confined(kNoThreads, /*every_thread=*/0);
              if (!MayWriteHeapFiles() || MayStartThreads()) return 1;
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              return MayWriteHeapFiles() || MayStartThreads() ? 2 : 0;
            }),
            0);
  EXPECT_EQ(ChildsCode([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/1);
              return MayWriteHeapFiles() || !MayStartThreads() ? 1 : 0;
            }),
            0);
}

// The threads are the child's own, so that this process stays free of filters.
TEST(Confinement, OfAThreadIsNotThatOfOneThatWasSeenBefore) {
  EXPECT_EQ(ChildsCode([] {
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
  EXPECT_EQ(ChildsCode([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              tracking_thread = {};  // as a new thread begins
              ThreadId();            // is too late to be seen
              if (MayWriteHeapFiles()) return 1;
              InheritConfinement(0);  // of one that says what it has
              return MayWriteHeapFiles() ? 0 : 2;
            }),
            0);
}

TEST(Confinement, OfOtherThreadsIsNotAForkedChilds) {
  EXPECT_EQ(ChildsCode([] {
              alkaid_track_confined(kNoFiles, /*every_thread=*/0);
              tracking_thread.confinement = kSeen;  // as another thread, which forks
              ForgetOtherThreadsFilters();
              tracking_thread = {};
              return MayWriteHeapFiles() ? 0 : 1;
            }),
            0);
}

TEST(Confinement, AThreadInStrictModeRecordsNothingMore) {
  EXPECT_EQ(ChildsCode([] {
              alkaid_track_strict();
              const InsideTracking inside;
              return inside.entered() || MayWriteHeapFiles() || MayStartThreads() ? 1 : 0;
            }),
            0);
}

TEST(Confinement, IsSaidOnceAndOnlyWhereFilesAreAskedFor) {
  ::testing::internal::CaptureStderr();
  alkaid_track_confining(kNoFiles);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ExpectHeapFiles();
  ::testing::internal::CaptureStderr();
  alkaid_track_confining(kNoThreads);
  alkaid_track_confining(kNoFiles | kNoThreads);
  alkaid_track_confining(kNoFiles);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

}  // namespace
}  // namespace alkaid::heap
