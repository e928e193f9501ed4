#include "alkaid/growth/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

namespace alkaid::growth {
namespace {

constexpr int64_t kBlock = int64_t{64} << 20;
// Other memory that may come or go meanwhile.
constexpr int64_t kSlack = int64_t{4} << 20;

ProcessMemory Now() {
  const auto memory = ReadProcessMemory();
  EXPECT_TRUE(memory.ok()) << memory.status();
  return memory.value_or(ProcessMemory());
}

TEST(ProcessMemory, CountsAddressSpaceWhenMappedAndMemoryWhenTouched) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer notes every byte that is touched in memory of its own";
#endif
  const ProcessMemory before = Now();
  void* const block =
      mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  const ProcessMemory mapped = Now();
  std::memset(block, 1, kBlock);
  const ProcessMemory touched = Now();
  munmap(block, kBlock);
  const ProcessMemory after = Now();

  EXPECT_NEAR(mapped.vm - before.vm, kBlock, kSlack);
  EXPECT_NEAR(mapped.rss - before.rss, 0, kSlack);
  EXPECT_NEAR(touched.rss - before.rss, kBlock, kSlack);
  EXPECT_NEAR(after.vm - before.vm, 0, kSlack);
  EXPECT_NEAR(after.rss - before.rss, 0, kSlack);
}

TEST(ProcessMemory, HasMoreAddressSpaceThanMemory) {
  const ProcessMemory now = Now();
  EXPECT_GT(now.rss, 0);
  EXPECT_GT(now.vm, now.rss);
}

}  // namespace
}  // namespace alkaid::growth
