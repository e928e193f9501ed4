#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/guarded_sampler_internal.h"

namespace alkaid::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The numbers of the allocations that are taken, of `count` in a new thread.
template <typename Sampler>
std::vector<int> Taken(const Sampler& sampler, int count, int64_t size) {
  std::vector<int> taken;
  std::thread([&] {
    for (int i = 0; i < count; ++i) {
      if (sampler.Takes(size)) taken.push_back(i);
    }
  }).join();
  return taken;
}

TEST(GuardedSampling, IsReadAsBlocksBytesOrBoth) {
  const struct {
    const char* text;
    int64_t blocks;
    int64_t bytes;
  } cases[] = {{"", 0, 0},
               {"0", 0, 0},
               {"1", 1, 0},
               {"1000", 1000, 0},
               {"1B", 0, 1},
               {"64MiB", 0, 64 << 20},
               {"3KiB", 0, 3 << 10},
               {"2GiB", 0, int64_t{2} << 30},
               {"1TiB", 0, int64_t{1} << 40},
               {"1000,64MiB", 1000, 64 << 20},
               {"64MiB,1000", 1000, 64 << 20}};
  for (const auto& [text, blocks, bytes] : cases) {
    SCOPED_TRACE(text);
    const auto parsed = GuardedSampling::Parse(text);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->blocks, blocks);
    EXPECT_EQ(parsed->bytes, bytes);
    EXPECT_EQ(parsed->on(), blocks != 0 || bytes != 0);
  }
}

TEST(GuardedSampling, WhatIsNotUnderstoodIsRefusedNamingThePartAndTheForm) {
  const char* const refused[] = {"x",
                                 "-1",
                                 "0B",
                                 "00",
                                 "1 ",
                                 " 1",
                                 "1.5",
                                 "1mb",
                                 "64MB",
                                 "64mib",
                                 "1000,",
                                 ",1000",
                                 "1000,2000",
                                 "1B,2B",
                                 "2TiB",
                                 "0,64MiB",
                                 "99999999999999999999",
                                 "1,2B,3"};
  for (const char* text : refused) {
    SCOPED_TRACE(text);
    const auto parsed = GuardedSampling::Parse(text);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()),
                AllOf(HasSubstr("not understood at '"), HasSubstr("64MiB")));
  }
}

TEST(GuardedSampler, OneIsEveryOne) {
  EXPECT_EQ(Taken(BlockSampler({.blocks = 1}), 100, 64).size(), 100U);
  EXPECT_EQ(Taken(ByteSampler({.blocks = 1}), 100, 64).size(), 100U);
  EXPECT_EQ(Taken(ByteSampler({.bytes = 1}), 100, 64).size(), 100U);
}

TEST(GuardedSampler, NoneIsNone) {
  EXPECT_TRUE(Taken(BlockSampler({}), 100'000, 64).empty());
  EXPECT_TRUE(Taken(ByteSampler({}), 100'000, 1 << 30).empty());
}

TEST(GuardedSampler, OneInSoManyIsOneInEachSoManyAtAPlaceOfChance) {
  constexpr int kN = 100;
  constexpr int kWholes = 200;
  const std::vector<int> taken = Taken(BlockSampler({.blocks = kN}), kN * kWholes, 64);
  // A hundred shares do not fill a whole to the last of its 2^40 parts.
  EXPECT_NEAR(static_cast<double>(taken.size()), kWholes, 1);
  std::set<int> places;
  for (size_t i = 1; i < taken.size(); ++i) {
    EXPECT_LT(taken[i] - taken[i - 1], 2 * kN);
    places.insert(taken[i] % kN);
  }
  EXPECT_GT(places.size(), 30U);
}

TEST(GuardedSampler, OneForSoManyBytesTakesBlocksByTheirSize) {
  const ByteSampler sampler({.bytes = 1 << 20});
  EXPECT_NEAR(static_cast<double>(Taken(sampler, 1600, 64 << 10).size()), 100, 1);
  EXPECT_NEAR(static_cast<double>(Taken(sampler, 1600, 512 << 10).size()), 800, 1);
  EXPECT_EQ(Taken(sampler, 100, 1 << 20).size(), 100U);
  EXPECT_EQ(Taken(sampler, 100, int64_t{1} << 46).size(), 100U);
}

// An eighth of a whole each. If shares do not fill a whole exactly, one block may reach the places
// of two wholes. It is taken once, so the number varies by chance.
TEST(GuardedSampler, BothTakeTheirShares) {
  const ByteSampler sampler({.blocks = 16, .bytes = 1 << 20});
  EXPECT_NEAR(static_cast<double>(Taken(sampler, 16'000, 64 << 10).size()), 2000, 1);
}

TEST(GuardedSampler, PoolsOfSeveralRatesShareACountdownAndKeepTheirRates) {
  const BlockSampler every_one({.blocks = 1});
  const BlockSampler few({.blocks = 1'000'000});
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) {
      (void)few.Takes(64);
      EXPECT_TRUE(every_one.Takes(64));
    }
  }).join();
}

}  // namespace
}  // namespace alkaid::internal
