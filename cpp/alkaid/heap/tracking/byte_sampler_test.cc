#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "alkaid/heap/tracking/byte_sampler_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint64_t kMean = 100'000;

// A thread's state with the same random numbers in every run.
TrackingThread Seeded(uint64_t seed) {
  TrackingThread thread = {};
  thread.random = seed;
  return thread;
}

// The sum of weights over `count` blocks, divided by the sum of their bytes.
double Estimate(uint64_t size, int count, uint64_t mean = kMean) {
  TrackingThread thread = Seeded(17);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += static_cast<double>(SampleBlock(&thread, size, mean, 1));
  return sum / (static_cast<double>(size) * count);
}

TEST(ByteSampler, SumsOfWeightsAreTheBytesForSmallAndLargeBlocks) {
  EXPECT_NEAR(Estimate(64, 20'000'000), 1, 0.05);
  EXPECT_NEAR(Estimate(4'096, 500'000), 1, 0.05);
  EXPECT_NEAR(Estimate(kMean, 100'000), 1, 0.05);
  EXPECT_NEAR(Estimate(100 * kMean, 100), 1, 0.001);
}

// If a gap is only a few bytes, rounding matters.
TEST(ByteSampler, SumsOfWeightsAreTheBytesForSmallMeansToo) {
  for (const uint64_t mean : {1u, 2u, 3u, 10u}) {
    for (const uint64_t size : {1u, 2u, 7u}) {
      EXPECT_NEAR(Estimate(size, 1'000'000, mean), 1, 0.02) << "mean " << mean << ", size " << size;
    }
  }
}

TEST(ByteSampler, ABlockIsRecordedWithTheChanceThatItsSizeGives) {
  TrackingThread thread = Seeded(3);
  int recorded = 0;
  constexpr int kBlocks = 200'000;
  for (int i = 0; i < kBlocks; ++i) recorded += SampleBlock(&thread, kMean / 2, kMean, 1) != 0;
  EXPECT_NEAR(static_cast<double>(recorded) / kBlocks, 1 - std::exp(-0.5), 0.01);
}

TEST(ByteSampler, ABlockFarGreaterThanTheMeanIsAlwaysRecordedForItself) {
  TrackingThread thread = Seeded(5);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(SampleBlock(&thread, 100 * kMean, kMean, 1), 100 * kMean);
  }
}

TEST(ByteSampler, ABlockOfNoBytesIsNeverRecorded) {
  TrackingThread thread = Seeded(5);
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(SampleBlock(&thread, 0, 1, 1), 0u);
}

TEST(ByteSampler, ANewEpochDoesNotWaitForTheGapOfTheOld) {
  TrackingThread thread = Seeded(7);
  EXPECT_EQ(SampleBlock(&thread, 1, uint64_t{1} << 50, 1), 0u);
  bool recorded = false;
  for (int i = 0; i < 100; ++i) recorded |= SampleBlock(&thread, 1'000, 1'000, 2) != 0;
  EXPECT_TRUE(recorded);
}

}  // namespace
}  // namespace alkaid::heap
