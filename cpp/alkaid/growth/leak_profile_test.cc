#include "alkaid/growth/leak_profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::growth {
namespace {

using ::testing::HasSubstr;

TEST(LeakProfile, HasAStampForEachEventInTheOrderOfTheirTime) {
  LeakProfile profile{PlantedLeakOptions()};
  EXPECT_EQ(profile.stamp_count(), 0u);
  for (int i = 0; i < 5; ++i) ALKAID_ASSERT_OK(profile.Stamp());
  const std::vector<MemoryStamp> stamps = profile.stamps();
  ASSERT_EQ(stamps.size(), 5u);
  for (size_t i = 1; i < stamps.size(); ++i) EXPECT_GE(stamps[i].time_s, stamps[i - 1].time_s);
  EXPECT_GT(stamps[0].vm_mb, stamps[0].rss_mb);
  EXPECT_TRUE(std::isnan(stamps[4].released_rss_mb));
}

TEST(LeakProfile, HasOnlyStampsWithTheirPlantWhereThatReachesItsLimit) {
  LeakProfile profile{PlantedLeakOptions{.mb_per_event = 1, .most_bytes = 5'500'000}};
  for (int i = 0; i < 5; ++i) ALKAID_ASSERT_OK(profile.Stamp());
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(profile.Stamp(),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("the planted leak ends at")));
  }
  EXPECT_EQ(profile.stamp_count(), 5u);
}

TEST(LeakProfile, TakesStampsOfManyThreads) {
  LeakProfile profile{PlantedLeakOptions()};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&profile] {
      for (int i = 0; i < 50; ++i) ALKAID_EXPECT_OK(profile.Stamp());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(profile.stamp_count(), 200u);
}

TEST(LeakProfile, GoesOnPastTheRoomThatItBeganWith) {
  LeakProfile profile{PlantedLeakOptions()};
  for (int i = 0; i < 4100; ++i) ALKAID_ASSERT_OK(profile.Stamp());
  EXPECT_EQ(profile.stamp_count(), 4100u);
}

TEST(LeakProfile, ATrialOfReleaseIsNotedInTheLastRow) {
  LeakProfile profile{PlantedLeakOptions()};
  EXPECT_THAT(profile.TryRelease(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("nothing was stamped")));
  ALKAID_ASSERT_OK(profile.Stamp());
  ALKAID_ASSERT_OK(profile.Stamp());
  ALKAID_ASSERT_OK(profile.TryRelease());
  const std::vector<MemoryStamp> stamps = profile.stamps();
  EXPECT_TRUE(std::isnan(stamps[0].released_rss_mb));
  EXPECT_LE(stamps[1].released_rss_mb, stamps[1].rss_mb + 1);
}

TEST(LeakProfile, NoReleaseIsTriedOnceTheProgramGaveItsMemoryBack) {
  MemoryPool* const pool = default_memory_pool();
  constexpr int64_t kSize = int64_t{64} << 20;
  uint8_t* block = nullptr;
  ALKAID_ASSERT_OK(pool->Allocate(kSize, &block));
  LeakProfile profile{PlantedLeakOptions()};
  ALKAID_ASSERT_OK(profile.Stamp());
  pool->Free(block, kSize);
  EXPECT_THAT(profile.TryRelease(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("in use at the last stamp")));
  EXPECT_TRUE(std::isnan(profile.stamps().back().released_rss_mb));
}

TEST(LeakProfile, IsSavedAsItsStamps) {
  std::string folder = ::testing::TempDir() + "alkaid_leak_profile_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  LeakProfile profile{PlantedLeakOptions()};
  ALKAID_ASSERT_OK(profile.Stamp());
  ALKAID_ASSERT_OK(profile.Stamp());
  ALKAID_EXPECT_OK(profile.Save(folder + "/a.npy"));
  const auto read = ReadLeakProfile(folder + "/a.npy");
  std::filesystem::remove_all(folder);
  ALKAID_ASSERT_OK(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(std::memcmp(&(*read)[1], &profile.stamps()[1], sizeof(MemoryStamp)), 0);
}

TEST(LeakProfile, PlantsBeforeItMeasures) {
  LeakProfile profile{{.mb_per_event = 5, .by = PlantedLeakOptions::By::kPool}};
  const int64_t before = default_memory_pool()->bytes_allocated();
  ALKAID_ASSERT_OK(profile.Stamp());
  EXPECT_GE(default_memory_pool()->bytes_allocated() - before, 4'500'000);
  ALKAID_ASSERT_OK(profile.Stamp());
  const std::vector<MemoryStamp> stamps = profile.stamps();
  EXPECT_NEAR(stamps[1].live_mb - stamps[0].live_mb, 5, 0.5);
}

}  // namespace
}  // namespace alkaid::growth
