#include "alkaid/growth/planted_leak.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/memory_meter_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::growth {
namespace {

using By = PlantedLeakOptions::By;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PlantedLeak, CarriesOnWhatFillsNoBlockSoThatTheSumIsExact) {
  PlantedLeak leak({.mb_per_event = 1, .by = By::kPool});
  for (int event = 1; event <= 20; ++event) {
    ALKAID_ASSERT_OK(leak.Plant());
    EXPECT_LE(leak.planted_bytes(), event * 1'000'000);
    EXPECT_GT(leak.planted_bytes(), event * 1'000'000 - 500'000);
  }
}

TEST(PlantedLeak, IsLiveInTheDefaultPoolUnlessItIsOfMalloc) {
  const int64_t before = default_memory_pool()->bytes_allocated();
  PlantedLeak of_pool({.mb_per_event = 2, .by = By::kPool});
  ALKAID_ASSERT_OK(of_pool.Plant());
  EXPECT_EQ(default_memory_pool()->bytes_allocated() - before, of_pool.planted_bytes());
  PlantedLeak of_malloc({.mb_per_event = 2, .by = By::kMalloc});
  ALKAID_ASSERT_OK(of_malloc.Plant());
  EXPECT_GT(of_malloc.planted_bytes(), 0);
  EXPECT_EQ(default_memory_pool()->bytes_allocated() - before, of_pool.planted_bytes());
}

TEST(PlantedLeak, OfMallocIsInUseByTheProgram) {
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer's malloc says nothing of itself";
  ALKAID_ASSERT_OK_AND_ASSIGN(const MemoryStamp before, MeasureMemory());
  PlantedLeak leak({.mb_per_event = 10, .by = By::kMalloc});
  ALKAID_ASSERT_OK(leak.Plant());
  ALKAID_ASSERT_OK_AND_ASSIGN(const MemoryStamp after, MeasureMemory());
  EXPECT_NEAR(after.in_use_mb - before.in_use_mb, 10, 0.6);
  EXPECT_EQ(after.live_mb, before.live_mb);
}

TEST(PlantedLeak, OfNothingPlantsNothing) {
  PlantedLeak leak{PlantedLeakOptions()};
  for (int event = 0; event < 100; ++event) ALKAID_ASSERT_OK(leak.Plant());
  EXPECT_EQ(leak.planted_bytes(), 0);
}

TEST(PlantedLeak, StopsAtItsLimit) {
  PlantedLeak leak({.mb_per_event = 1, .by = By::kPool, .most_bytes = 3'500'000});
  for (int event = 1; event <= 3; ++event) ALKAID_ASSERT_OK(leak.Plant());
  const int64_t planted = leak.planted_bytes();
  for (int event = 4; event <= 20; ++event) {
    EXPECT_THAT(leak.Plant(),
                StatusIs(StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("with 1.00 MB more"), HasSubstr("its limit of 3.50 MB"))));
  }
  EXPECT_EQ(leak.planted_bytes(), planted);
}

TEST(PlantedLeak, LeavesHalfOfTheMemoryThatIsThere) {
  std::ifstream file("/proc/meminfo");
  int64_t total_kib = 0;
  std::string name;
  while (file >> name && name != "MemTotal:") {
  }
  ASSERT_TRUE(file >> total_kib) << "/proc/meminfo says no MemTotal";
  EXPECT_GT(MostToPlant(), 0);
  EXPECT_LE(MostToPlant(), total_kib * 1024 / 2);
}

TEST(PlantedLeak, ReadsWhatTheEnvironmentSays) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const PlantedLeakOptions none, ParsePlantedLeak("", ""));
  EXPECT_EQ(none.mb_per_event, 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const PlantedLeakOptions ten, ParsePlantedLeak("10", ""));
  EXPECT_EQ(ten.mb_per_event, 10);
  EXPECT_EQ(ten.by, By::kPool);
  ALKAID_ASSERT_OK_AND_ASSIGN(const PlantedLeakOptions half, ParsePlantedLeak("0.5", "malloc"));
  EXPECT_EQ(half.mb_per_event, 0.5);
  EXPECT_EQ(half.by, By::kMalloc);
}

TEST(PlantedLeak, RefusesWhatMakesNoSense) {
  for (const char* mb : {"-1", "ten", "10MB", "nan", "inf", "1e9", " 10", "0x10"}) {
    EXPECT_THAT(ParsePlantedLeak(mb, "pool"),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("ALKAID_PROFILE_LEAK_MB="), HasSubstr(mb))))
        << mb;
  }
  EXPECT_THAT(ParsePlantedLeak("10", "mmap"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("ALKAID_PROFILE_LEAK_BY=mmap")));
}

}  // namespace
}  // namespace alkaid::growth
