#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "alkaid/base/thread_id_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

bool IsTheKernels() { return KernelThreadId() == static_cast<uint32_t>(gettid()); }

TEST(ThreadId, IsTheKernelsInEachThreadAndInAForkedChild) {
  EXPECT_TRUE(IsTheKernels());
  std::thread([] { EXPECT_TRUE(IsTheKernels()); }).join();
  EXPECT_EQ(RunInChild([] { return IsTheKernels() ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace alkaid::internal
