#include "alkaid/core/pools/memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

TEST(MemoryPool, SharedPoolsAreTheSameObjectAtEveryCall) {
  EXPECT_EQ(default_memory_pool(), default_memory_pool());
  EXPECT_EQ(system_memory_pool(), system_memory_pool());
  EXPECT_EQ(system_memory_pool()->backend_name(), "system");
}

TEST(MemoryPool, TheDefaultIsTheSharedPoolOfItsBackend) {
  const std::string name = default_memory_pool()->backend_name();
  EXPECT_EQ(name, ChosenDefaultMemoryBackend().name);
  MemoryPool* shared = nullptr;
  if (name == "system") shared = system_memory_pool();
  if (name == "jemalloc") {
    ASSERT_TRUE(jemalloc_memory_pool(&shared).ok());
  }
  if (name == "mimalloc") {
    ASSERT_TRUE(mimalloc_memory_pool(&shared).ok());
  }
  EXPECT_EQ(default_memory_pool(), shared);
}

TEST(MemoryPool, CreateDefaultGivesStatisticsOfItsOwn) {
  auto one = MemoryPool::CreateDefault();
  auto two = MemoryPool::CreateDefault();
  uint8_t* block = nullptr;
  ASSERT_TRUE(one->Allocate(1000, &block).ok());
  EXPECT_EQ(one->bytes_allocated(), 1000);
  EXPECT_EQ(two->bytes_allocated(), 0);
  EXPECT_EQ(one->backend_name(), default_memory_pool()->backend_name());
  one->Free(block, 1000);
}

TEST(MemoryPool, BackendsThatAreListedHaveASharedPoolAndOthersSayUnimplemented) {
  const auto names = SupportedMemoryBackendNames();
  auto listed = [&](const char* name) { return std::ranges::count(names, name) == 1; };
  MemoryPool* pool = nullptr;
  const Status jemalloc = jemalloc_memory_pool(&pool);
  EXPECT_EQ(jemalloc.code(), listed("jemalloc") ? StatusCode::kOk : StatusCode::kUnimplemented);
  if (jemalloc.ok()) {
    EXPECT_EQ(pool->backend_name(), "jemalloc");
  }
  const Status mimalloc = mimalloc_memory_pool(&pool);
  EXPECT_EQ(mimalloc.code(), listed("mimalloc") ? StatusCode::kOk : StatusCode::kUnimplemented);
  if (mimalloc.ok()) {
    EXPECT_EQ(pool->backend_name(), "mimalloc");
  }
  EXPECT_TRUE(listed("system"));
}

TEST(MemoryPool, PrintStatsOfEachBackendShowsWhatItsAllocatorSays) {
  const std::pair<std::string, std::string> said[] = {
      {"system", "glibc malloc"}, {"jemalloc", "jemalloc statistics"}, {"mimalloc", "heap stats"}};
  for (const std::string& name : SupportedMemoryBackendNames()) {
    const auto* expected =
        std::ranges::find(said, name, [](const auto& pair) { return pair.first; });
    if (expected == std::end(said)) continue;  // registered by another test
    auto pool = CreateMemoryPool(name).value();
    uint8_t* block = nullptr;
    ASSERT_TRUE(pool->Allocate(4321, &block).ok());
    ::testing::internal::CaptureStderr();
    pool->PrintStats();
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, HasSubstr(name + ": 4321 bytes live"));
    EXPECT_THAT(text, HasSubstr(expected->second));
    pool->Free(block, 4321);
  }
}

}  // namespace
}  // namespace alkaid
