#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "alkaid/base/thread_id_internal.h"

namespace alkaid::internal {
namespace {

bool IsTheKernels() { return KernelThreadId() == static_cast<uint32_t>(gettid()); }

TEST(ThreadId, IsTheKernelsInEachThreadAndInAForkedChild) {
  EXPECT_TRUE(IsTheKernels());
  std::thread([] { EXPECT_TRUE(IsTheKernels()); }).join();
  const pid_t child = fork();
  if (child == 0) _exit(IsTheKernels() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace alkaid::internal
