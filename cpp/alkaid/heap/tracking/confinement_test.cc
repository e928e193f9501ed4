#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "alkaid/heap/tracking/confinement_internal.h"

namespace alkaid::heap {
namespace {

TEST(Confinement, IsTheThreadsThatSetTheFilterOrEveryThreads) {
  EXPECT_TRUE(MayWriteHeapFiles());
  std::thread([] {
    alkaid_track_confined(/*every_thread=*/0);
    EXPECT_FALSE(MayWriteHeapFiles());
  }).join();
  EXPECT_TRUE(MayWriteHeapFiles());
  const pid_t child = ::fork();
  if (child == 0) {
    alkaid_track_confined(/*every_thread=*/1);
    ::_exit(MayWriteHeapFiles() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Confinement, IsSaidOnceAndOnlyWhereFilesAreAskedFor) {
  ::testing::internal::CaptureStderr();
  alkaid_track_confining();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ExpectHeapFiles();
  ::testing::internal::CaptureStderr();
  alkaid_track_confining();
  alkaid_track_confining();
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

}  // namespace
}  // namespace alkaid::heap
