#include "alkaid/core/pools/jemalloc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

class Jemalloc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!jemalloc_memory_pool(&pool_).ok()) GTEST_SKIP() << "this build has no jemalloc";
  }
  MemoryPool* pool_ = nullptr;
};

TEST(JemallocAbsent, EveryFunctionSaysUnimplementedWhereItIsNotBuilt) {
  MemoryPool* pool = nullptr;
  if (jemalloc_memory_pool(&pool).ok()) GTEST_SKIP() << "this build has jemalloc";
  EXPECT_EQ(jemalloc_set_decay_ms(0).code(), StatusCode::kUnimplemented);
  EXPECT_EQ(jemalloc_get_stat("stats.allocated").status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(jemalloc_peak_reset().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(jemalloc_stats_print().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(jemalloc_stats_string().status().code(), StatusCode::kUnimplemented);
}

TEST_F(Jemalloc, AStatisticMovesWithThePoolsBlocks) {
  const int64_t before = jemalloc_get_stat("stats.allocated").value();
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_->Allocate(int64_t{8} << 20, &block).ok());
  const int64_t with = jemalloc_get_stat("stats.allocated").value();
  EXPECT_GE(with - before, int64_t{8} << 20);
  pool_->Free(block, int64_t{8} << 20);
  EXPECT_LT(jemalloc_get_stat("stats.allocated").value(), with);
}

TEST_F(Jemalloc, StatisticsOfEveryIntegerWidthAreRead) {
  EXPECT_TRUE(jemalloc_get_stat("arenas.narenas").ok());  // unsigned
  EXPECT_TRUE(jemalloc_get_stat("config.stats").ok());    // bool
  EXPECT_TRUE(jemalloc_get_stat("stats.resident").ok());  // size_t
}

TEST_F(Jemalloc, AnUnknownStatisticIsRefusedByName) {
  const auto stat = jemalloc_get_stat("stats.nonsense");
  EXPECT_EQ(stat.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(stat.status().message()), HasSubstr("stats.nonsense"));
}

TEST_F(Jemalloc, DecayIsSetForArenasThatExistAndForLaterOnes) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_->Allocate(100, &block).ok());
  pool_->Free(block, 100);
  ASSERT_TRUE(jemalloc_set_decay_ms(1234).ok());
  EXPECT_EQ(jemalloc_get_stat("arenas.dirty_decay_ms").value(), 1234);
  EXPECT_EQ(jemalloc_get_stat("arena.0.dirty_decay_ms").value(), 1234);
  EXPECT_TRUE(jemalloc_set_decay_ms(-1).ok());
  EXPECT_EQ(jemalloc_set_decay_ms(-2).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(jemalloc_set_decay_ms(10000).ok());
}

TEST_F(Jemalloc, ThePeakOfAThreadStartsAnew) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_->Allocate(int64_t{32} << 20, &block).ok());
  pool_->Free(block, int64_t{32} << 20);
  const int64_t peak = jemalloc_get_stat("thread.peak.read").value();
  EXPECT_GE(peak, int64_t{32} << 20);
  ASSERT_TRUE(jemalloc_peak_reset().ok());
  EXPECT_LT(jemalloc_get_stat("thread.peak.read").value(), peak);
}

TEST_F(Jemalloc, TheReportComesAsTextAndPieceByPiece) {
  const std::string report = jemalloc_stats_string("a").value();
  EXPECT_THAT(report, HasSubstr("jemalloc statistics"));
  int pieces = 0;
  ASSERT_TRUE(jemalloc_stats_print([&](const char*) { ++pieces; }, "a").ok());
  EXPECT_GT(pieces, 0);
  EXPECT_EQ(jemalloc_stats_print(std::function<void(const char*)>(), "a").code(),
            StatusCode::kInvalidArgument);
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(jemalloc_stats_print("a").ok());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("jemalloc statistics"));
}

}  // namespace
}  // namespace alkaid
