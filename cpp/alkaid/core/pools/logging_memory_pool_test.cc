#include "alkaid/core/pools/logging_memory_pool.h"

#include <gtest/gtest.h>

#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string Address(const uint8_t* ptr) {
  return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(ptr)));
}

TEST(LoggingPool, WritesOneLinePerCallWithSizeAlignmentAndPointer) {
  std::ostringstream log;
  LoggingMemoryPool pool(system_memory_pool(), log);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, 512, &block), IsOk());
  const std::string first = Address(block);
  EXPECT_EQ(log.str(), "Allocate: size = 100, alignment = 512, out = " + first + "\n");

  log.str("");
  ASSERT_THAT(pool.Reallocate(100, 5000, 512, &block), IsOk());
  const std::string second = Address(block);
  EXPECT_EQ(log.str(), "Reallocate: old_size = 100, new_size = 5000, alignment = 512, ptr = " +
                           first + ", out = " + second + "\n");

  log.str("");
  pool.Free(block, 5000, 512);
  EXPECT_EQ(log.str(), "Free: size = 5000, alignment = 512, ptr = " + second + "\n");
}

TEST(LoggingPool, WritesFailuresWithTheirReason) {
  std::ostringstream log;
  FaultInjectingMemoryPool faulty(system_memory_pool());
  LoggingMemoryPool pool(&faulty, log);
  uint8_t* block = nullptr;
  faulty.fail_after(1);
  EXPECT_THAT(pool.Allocate(100, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(log.str(), MatchesRegex("Allocate: size = 100, alignment = 64, failed: "
                                      "RESOURCE_EXHAUSTED: injected failure.*\n"));
  log.str("");
  EXPECT_THAT(pool.Allocate(-7, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(log.str(), HasSubstr("size = -7"));
  EXPECT_THAT(log.str(), HasSubstr("failed: INVALID_ARGUMENT"));

  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  log.str("");
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(100, 200, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(log.str(), HasSubstr("new_size = 200"));
  EXPECT_THAT(log.str(), HasSubstr("failed: RESOURCE_EXHAUSTED"));
  pool.Free(block, 100);
}

TEST(LoggingPool, WritesToStandardOutputWhenNotToldOtherwise) {
  LoggingMemoryPool pool(system_memory_pool());
  ::testing::internal::CaptureStdout();
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(24, &block), IsOk());
  pool.Free(block, 24);
  const std::string out = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(out, HasSubstr("Allocate: size = 24, alignment = 64, out = 0x"));
  EXPECT_THAT(out, HasSubstr("Free: size = 24, alignment = 64, ptr = 0x"));
}

TEST(LoggingPool, LinesOfThreadsAndPoolsOnOneStreamStayWhole) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  std::stringstream log;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log] {
      LoggingMemoryPool pool(system_memory_pool(), log);
      for (int i = 0; i < kRounds; ++i) {
        uint8_t* block = nullptr;
        ASSERT_THAT(pool.Allocate(64, &block), IsOk());
        pool.Free(block, 64);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int allocations = 0, frees = 0;
  for (std::string line; std::getline(log, line);) {
    const bool allocation = line.starts_with("Allocate: size = 64, alignment = 64, out = 0x");
    const bool free = line.starts_with("Free: size = 64, alignment = 64, ptr = 0x");
    ASSERT_TRUE(allocation || free) << line;
    ASSERT_EQ(line.find(':', 9), std::string::npos) << "two lines in one: " << line;
    (allocation ? allocations : frees) += 1;
  }
  EXPECT_EQ(allocations, kThreads * kRounds);
  EXPECT_EQ(frees, kThreads * kRounds);
}

// A stream that accepts nothing, and throws on a write.
TEST(LoggingPool, AStreamThatThrowsDoesNotChangeTheCall) {
  std::ostream broken(nullptr);
  EXPECT_THROW(broken.exceptions(std::ios::badbit), std::ios_base::failure);
  LoggingMemoryPool pool(system_memory_pool(), broken);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  ASSERT_NE(block, nullptr);
  ASSERT_THAT(pool.Reallocate(100, 200, &block), IsOk());
  pool.Free(block, 200);
}

TEST(LoggingPool, FiguresAndNameAreThoseOfThePoolBelow) {
  std::ostringstream log;
  const std::unique_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  LoggingMemoryPool pool(below.get(), log);
  uint8_t* block = nullptr;
  ASSERT_THAT(below->Allocate(1000, &block), IsOk());
  EXPECT_EQ(pool.bytes_allocated(), 1000);
  EXPECT_EQ(pool.max_memory(), 1000);
  EXPECT_EQ(pool.total_bytes_allocated(), 1000);
  EXPECT_EQ(pool.num_allocations(), 1);
  EXPECT_EQ(pool.backend_name(), below->backend_name());
  pool.Free(block, 1000);
  EXPECT_EQ(below->bytes_allocated(), 0);
}

TEST(LoggingPool, SharesOwnershipOfThePoolBelow) {
  std::ostringstream log;
  std::shared_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  const std::weak_ptr<MemoryPool> watch = below;
  {
    LoggingMemoryPool pool(std::move(below), log);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace alkaid
