#include "alkaid/growth/growth_verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "fixtures/made_profile.h"

namespace alkaid::growth {
namespace {

using fixtures::Accounts;
using fixtures::Autoregressive;
using fixtures::Line;
using fixtures::Make;
using fixtures::Noise;
using fixtures::Profile;
using fixtures::Sawtooth;
using fixtures::Series;
using fixtures::White;
using fixtures::operator+;

constexpr size_t kSize = 200;

// The background that every process has.
Accounts Quiet(uint64_t seed = 1) {
  Noise noise(seed);
  return {.live = Series(kSize, 100) + White(noise, kSize, 0.5),
          .own_malloc = White(noise, kSize, 0.1),
          .kept = Sawtooth(noise, kSize, 9, 4),
          .elsewhere = Autoregressive(noise, kSize, 0.9, 0.1)};
}

GrowthVerdict Judge(const Accounts& accounts, const GrowthOptions& options = {}) {
  return JudgeGrowth(Profile(kSize, accounts), options);
}

TEST(GrowthVerdict, IsNoneWhereNothingGrows) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const GrowthVerdict verdict = Judge(Quiet(seed));
    EXPECT_EQ(verdict.verdict, Verdict::kNone) << seed;
    EXPECT_EQ(verdict.judged, Account::kRss);
  }
}

TEST(GrowthVerdict, IsALeakWhereLiveBytesGrow) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 3.6);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kLeak);
  EXPECT_EQ(verdict.cause, Account::kLive);
  EXPECT_NEAR(verdict.of(Account::kRss).fit.slope, 3.6, 0.05);
  EXPECT_NEAR(verdict.ShareOf(Account::kLive), 1, 0.02);
  EXPECT_FALSE(verdict.of(Account::kOwnMalloc).grows);
}

TEST(GrowthVerdict, IsALeakWhereGrowthGetsFaster) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Make(kSize, [](size_t i) {
                    return 13 * std::exp(3.5 * static_cast<double>(i) / (kSize - 1));
                  });
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kLeak);
}

TEST(GrowthVerdict, IsNoneWhereItCreptUpByLessThanIsWorthAWord) {
  const auto rise_to = [](double mb) {
    return Profile(kSize, {.live = Make(kSize, [mb](size_t i) { return i < 40 ? 0 : mb; })});
  };
  EXPECT_EQ(JudgeGrowth(rise_to(0.8), {.least_mb = 0.001}).verdict, Verdict::kNone);
  EXPECT_EQ(JudgeGrowth(rise_to(8), {.least_mb = 0.001}).verdict, Verdict::kLevelsOff);
}

TEST(GrowthVerdict, IsALeakWhereViewsStillShowWhatGrows) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 2);
  accounts.roots = Line(kSize, 2, 50);
  accounts.visible = Line(kSize, 1.9, 40);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kLeak);
}

TEST(GrowthVerdict, IsALeakWhereWhatGrowsHasNoViews) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 2);
  accounts.roots = Series(kSize, 50);
  accounts.visible = Series(kSize, 10);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kLeak);
}

TEST(GrowthVerdict, IsRetentionWhereRootsGrowAndWhatIsVisibleDoesNot) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 2);
  accounts.roots = Line(kSize, 2, 50);
  accounts.visible = Line(kSize, 0.002, 1);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kRetention);
}

TEST(GrowthVerdict, IsFragmentationWhereFreeMemoryGrowsAndCanNotBeReleased) {
  Accounts accounts = Quiet();
  accounts.kept = accounts.kept + Line(kSize, 1.5);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kFragmentation);
  std::vector<MemoryStamp> stamps = Profile(kSize, accounts);
  stamps.back().released_rss_mb = stamps.back().rss_mb - 6;
  stamps.back().released_held_mb = stamps.back().held_mb - 6;
  const GrowthVerdict verdict = JudgeGrowth(stamps);
  EXPECT_EQ(verdict.verdict, Verdict::kFragmentation);
  ASSERT_TRUE(verdict.released.has_value());
  EXPECT_NEAR(verdict.released->rss_mb, 6, 1e-9);
}

TEST(GrowthVerdict, IsACacheWhereFreeMemoryGrowsAndIsReleased) {
  Accounts accounts = Quiet();
  accounts.kept = accounts.kept + Line(kSize, 1.5);
  std::vector<MemoryStamp> stamps = Profile(kSize, accounts);
  stamps.back().released_rss_mb = stamps.back().rss_mb - 280;
  stamps.back().released_held_mb = stamps.back().held_mb;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kAllocatorCache);
  // Held memory need not be resident.
  stamps.back().released_rss_mb = stamps.back().rss_mb;
  stamps.back().released_held_mb = stamps.back().held_mb - 280;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kFragmentation);
  stamps.back().released_rss_mb = kUnknown;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kAllocatorCache);
}

TEST(GrowthVerdict, WhatIsReleasedEarlyIsComparedWithTheGrowthUntilThen) {
  Accounts accounts = Quiet();
  accounts.kept = accounts.kept + Line(kSize, 1.5);
  std::vector<MemoryStamp> stamps = Profile(kSize, accounts);
  stamps[60].released_rss_mb = stamps[60].rss_mb - 50;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kAllocatorCache);
  stamps[60].released_rss_mb = stamps[60].rss_mb - 10;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kFragmentation);
}

TEST(GrowthVerdict, FirstTouchesOfWhatAnAllocatorHadMappedAreACache) {
  Accounts accounts = Quiet();
  accounts.kept = accounts.kept + Series(kSize, 400);
  accounts.elsewhere = accounts.elsewhere + Line(kSize, 1.5, -450);
  accounts.untouched = Line(kSize, -1.5, 450);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kAllocatorCache);
  // Growth beyond what is mapped cannot be first touches.
  accounts.elsewhere = accounts.elsewhere + Series(kSize, 450);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kOutside);
}

TEST(GrowthVerdict, IsALeakWhereItBeginsLate) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live +
                  Make(kSize, [](size_t i) { return i < 110 ? 0 : static_cast<double>(i - 110); });
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kLeak);
  EXPECT_NEAR(verdict.of(Account::kRss).lately.slope, 1, 0.15);
}

TEST(GrowthVerdict, SlowGrowthThatCameToMuchIsGrowthUnlessALimitIsStated) {
  const auto stamps = Profile(20'000, {.live = Line(20'000, 0.008)});
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kLeak);
  EXPECT_EQ(JudgeGrowth(stamps, {.much_mb = 200}).verdict, Verdict::kBelowLimit);
}

TEST(GrowthVerdict, IsOutsideWhereTheProgramsOwnMallocGrows) {
  Accounts accounts = Quiet();
  accounts.own_malloc = accounts.own_malloc + Line(kSize, 1);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kOutside);
  EXPECT_EQ(verdict.cause, Account::kOwnMalloc);
}

TEST(GrowthVerdict, IsOutsideWhereNoKnownAllocatorGrows) {
  Accounts accounts = Quiet();
  accounts.elsewhere = accounts.elsewhere + Line(kSize, 1);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kOutside);
  EXPECT_EQ(verdict.cause, Account::kElsewhere);
}

// held is constant: free memory falls by what is handed out, and pages are touched for the first
// time.
TEST(GrowthVerdict, AnAllocatorThatMappedEverythingAheadHidesNothing) {
  const Series grows = Line(kSize, 2);
  const Series falls = Line(kSize, -2, 1000);
  Accounts leak = Quiet();
  leak.live = leak.live + grows;
  leak.kept = leak.kept + falls;
  leak.elsewhere = leak.elsewhere + grows;
  EXPECT_EQ(Judge(leak).verdict, Verdict::kLeak);
  Accounts own = Quiet();
  own.own_malloc = own.own_malloc + grows;
  own.kept = own.kept + falls;
  own.elsewhere = own.elsewhere + grows;
  const GrowthVerdict verdict = Judge(own);
  EXPECT_EQ(verdict.verdict, Verdict::kOutside);
  EXPECT_EQ(verdict.cause, Account::kOwnMalloc);
}

// The allocator holds them as address space, not as memory.
TEST(GrowthVerdict, PagesThatWereNeverTouchedAndGoBackExplainNoGrowthOfRss) {
  Accounts accounts = Quiet();
  accounts.elsewhere = accounts.elsewhere + Line(kSize, 1);
  std::vector<MemoryStamp> stamps = Profile(kSize, accounts);
  stamps.back().released_rss_mb = stamps.back().rss_mb - 1;
  stamps.back().released_held_mb = stamps.back().held_mb - 190;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kOutside);
}

// What the allocator holds grows in steps so large that no interval shows growth for certain.
TEST(GrowthVerdict, IsFragmentationWhereAnAllocatorMapsMuchAtOnce) {
  Accounts accounts = Quiet();
  const Series used = Line(kSize, 0.5);
  const Series mapped = Make(kSize, [](size_t i) { return i < 60 ? 30 : i < 140 ? 60 : 105; });
  accounts.kept = accounts.kept + mapped;
  for (size_t i = 0; i < kSize; ++i) accounts.elsewhere[i] += used[i] - accounts.kept[i];
  const GrowthVerdict verdict = Judge(accounts);
  ASSERT_FALSE(verdict.of(Account::kHeld).grows);
  EXPECT_EQ(verdict.verdict, Verdict::kFragmentation);
  EXPECT_EQ(verdict.cause, Account::kKept);
}

TEST(GrowthVerdict, PagesThatAnAllocatorTouchesAndGivesBackAreItsCache) {
  Accounts accounts = Quiet();
  accounts.kept = accounts.kept + Series(kSize, 2000);
  accounts.elsewhere = accounts.elsewhere + Line(kSize, 2, -1000);
  std::vector<MemoryStamp> stamps = Profile(kSize, accounts);
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kOutside);
  stamps.back().released_rss_mb = stamps.back().rss_mb - 350;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kAllocatorCache);
}

TEST(GrowthVerdict, IsOfTheGreatestOfSeveralCauses) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 1);
  accounts.own_malloc = accounts.own_malloc + Line(kSize, 2);
  accounts.kept = accounts.kept + Line(kSize, 0.5);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.cause, Account::kOwnMalloc);
  EXPECT_TRUE(verdict.of(Account::kLive).grows);
  EXPECT_NEAR(verdict.ShareOf(Account::kLive), 1 / 3.5, 0.02);
}

TEST(GrowthVerdict, LevelsOffWhereItGrewAndTheLaterHalfIsFlat) {
  for (const double half : {5.0, 15.0, 30.0}) {
    Accounts accounts = Quiet();
    accounts.live = accounts.live + Make(kSize, [half](size_t i) {
                      return 80 * (1 - std::exp2(-static_cast<double>(i) / half));
                    });
    const Verdict verdict = Judge(accounts, {.warm_up = 0}).verdict;
    EXPECT_EQ(verdict, Verdict::kLevelsOff) << half;
  }
}

TEST(GrowthVerdict, StepsThatEndLevelOffAndStepsThatDoNotAreALeak) {
  const auto stairs = [](size_t until) {
    return Make(kSize,
                [until](size_t i) { return 8.0 * static_cast<double>(std::min(i, until) / 12); });
  };
  Accounts accounts = Quiet();
  accounts.live = Quiet().live + stairs(90);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kLevelsOff);
  accounts.live = Quiet().live + stairs(kSize);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kLeak);
}

TEST(GrowthVerdict, ALeakBelowTheStatedFigureIsToldAsThat) {
  Accounts accounts = Quiet();
  accounts.live = Line(kSize, 0.3, 100);
  accounts.kept = accounts.elsewhere = accounts.own_malloc = Series(kSize, 0);
  EXPECT_EQ(Judge(accounts, {.least_mb = 0.29}).verdict, Verdict::kLeak);
  EXPECT_EQ(Judge(accounts, {.least_mb = 0.31, .much_mb = 1e9}).verdict, Verdict::kBelowLimit);
  EXPECT_EQ(Judge(accounts, {.least_mb = 0.31, .much_mb = 1e9}).cause, Account::kLive);
  // Of what is counted, 0.1 MB in all is reported, and less is not.
  accounts.live = Line(kSize, 0.004, 100);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kBelowLimit);
  accounts.live = Line(kSize, 0.0005, 100);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kNone);
}

TEST(GrowthVerdict, ALeakThatRssRoundsUpToTheLimitIsNoCache) {
  // Whole pages are touched: RSS passes the limit, and what the pools have handed out does not.
  Accounts accounts = Quiet();
  accounts.live = Line(kSize, 0.009, 100);
  accounts.elsewhere = Line(kSize, 0.0015);
  accounts.kept = accounts.own_malloc = Series(kSize, 0);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kLeak);
  EXPECT_EQ(verdict.cause, Account::kLive);
}

TEST(GrowthVerdict, TheStampsOfALongProfileAreNoGrowth) {
  constexpr size_t kLong = 200'000;
  Accounts accounts;
  accounts.live = Series(kLong, 10);
  accounts.own_malloc = Line(kLong, 100e-6, 5);
  EXPECT_EQ(JudgeGrowth(Profile(kLong, accounts)).verdict, Verdict::kNone);
}

TEST(GrowthVerdict, ASmallLeakBesideASteadyRssIsToldToo) {
  Accounts accounts = Quiet();
  accounts.own_malloc = Line(kSize, 0.02);
  const GrowthVerdict verdict = Judge(accounts, {.least_mb = 0.1, .much_mb = 100});
  EXPECT_EQ(verdict.verdict, Verdict::kBelowLimit);
  EXPECT_EQ(verdict.judged, Account::kOwnMalloc);
  EXPECT_EQ(verdict.cause, Account::kOwnMalloc);
}

TEST(GrowthVerdict, LooksNotAtTheWarmUp) {
  Accounts accounts = Quiet();
  accounts.live =
      Make(kSize, [](size_t i) { return i < 20 ? 50.0 * static_cast<double>(i) : 1000; });
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kNone);
  EXPECT_EQ(Judge(accounts).warm_up, 20u);
  EXPECT_EQ(Judge(accounts, {.warm_up = 0}).verdict, Verdict::kLevelsOff);
}

TEST(GrowthVerdict, ShrinkingIsNoGrowth) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, -0.4);
  EXPECT_EQ(Judge(accounts).verdict, Verdict::kNone);
}

TEST(GrowthVerdict, ALeakThatIsNeverTouchedIsFoundInLive) {
  Accounts accounts = Quiet();
  accounts.live = accounts.live + Line(kSize, 2);
  accounts.elsewhere = accounts.elsewhere + Line(kSize, -2, 500);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kLeak);
  EXPECT_EQ(verdict.judged, Account::kLive);
}

TEST(GrowthVerdict, AddressSpaceAloneIsNoGrowth) {
  Accounts accounts = Quiet();
  accounts.untouched = Line(kSize, 64);
  const GrowthVerdict verdict = Judge(accounts);
  EXPECT_EQ(verdict.verdict, Verdict::kNone);
  EXPECT_TRUE(verdict.of(Account::kVm).grows);
}

// Older writers leave these columns empty, and some files do not have them.
TEST(GrowthVerdict, OfTimeAndVmAloneHasNoCause) {
  for (const double empty : {0.0, std::numeric_limits<double>::quiet_NaN()}) {
    Noise noise(9);
    const Series vm = Line(1000, 3.5, 21'316) + White(noise, 1000, 30);
    std::vector<MemoryStamp> stamps(1000);
    for (size_t i = 0; i < stamps.size(); ++i) {
      stamps[i].time_s = 71'888.7 + 0.76 * static_cast<double>(i);
      stamps[i].vm_mb = vm[i];
      stamps[i].rss_mb = stamps[i].live_mb = empty;
    }
    const GrowthVerdict verdict = JudgeGrowth(stamps);
    EXPECT_EQ(verdict.verdict, Verdict::kUnexplained);
    EXPECT_EQ(verdict.judged, Account::kVm);
    EXPECT_FALSE(verdict.of(Account::kRss).known());
    EXPECT_FALSE(verdict.of(Account::kLive).known());
    EXPECT_NEAR(verdict.of(Account::kVm).fit.slope, 3.5, 0.1);
  }
}

TEST(GrowthVerdict, OfTimeVmRssAndLiveTellsALeakFromGrowthOutside) {
  Accounts accounts = Quiet();
  const auto judge = [](const Accounts& given) {
    std::vector<MemoryStamp> stamps = Profile(kSize, given);
    for (MemoryStamp& stamp : stamps) stamp.held_mb = stamp.in_use_mb = kUnknown;
    return JudgeGrowth(stamps).verdict;
  };
  EXPECT_EQ(judge(accounts), Verdict::kNone);
  accounts.live = accounts.live + Line(kSize, 2);
  EXPECT_EQ(judge(accounts), Verdict::kLeak);
  accounts = Quiet();
  accounts.own_malloc = accounts.own_malloc + Line(kSize, 2);
  EXPECT_EQ(judge(accounts), Verdict::kOutside);
}

TEST(GrowthVerdict, NeedsEightStampsBehindTheWarmUp) {
  const std::vector<MemoryStamp> stamps = Profile(10, {.live = Line(10, 10)});
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kLeak);
  EXPECT_EQ(JudgeGrowth(stamps, {.warm_up = 3}).verdict, Verdict::kTooFewStamps);
  EXPECT_EQ(JudgeGrowth(stamps, {.warm_up = 1'000'000}).verdict, Verdict::kTooFewStamps);
  EXPECT_EQ(JudgeGrowth({}).verdict, Verdict::kTooFewStamps);
  EXPECT_EQ(JudgeGrowth(std::span(stamps).first(1)).verdict, Verdict::kTooFewStamps);
}

TEST(GrowthVerdict, OfNothingButNaNIsThatThereAreTooFewStamps) {
  std::vector<MemoryStamp> stamps(100);
  for (MemoryStamp& stamp : stamps) stamp.time_s = stamp.vm_mb = kUnknown;
  EXPECT_EQ(JudgeGrowth(stamps).verdict, Verdict::kTooFewStamps);
}

TEST(GrowthVerdict, SurvivesFiguresOfAnySize) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double huge : {1.7e308, -1.7e308, infinity, -infinity, 1e-320}) {
    std::vector<MemoryStamp> stamps = Profile(kSize, Quiet());
    for (size_t i = 0; i < stamps.size(); i += 3) {
      stamps[i].rss_mb = stamps[i].held_mb = stamps[i].live_mb = huge;
      stamps[i].released_rss_mb = -huge;
    }
    const GrowthVerdict verdict = JudgeGrowth(stamps);
    EXPECT_NE(verdict.verdict, Verdict::kLeak);
  }
}

TEST(GrowthVerdict, HasANameForEachVerdictAndAccount) {
  for (int i = 0; i <= static_cast<int>(Verdict::kUnexplained); ++i) {
    EXPECT_NE(VerdictName(static_cast<Verdict>(i)), "");
  }
  for (size_t i = 0; i < kAccounts; ++i) EXPECT_NE(AccountName(static_cast<Account>(i)), "");
}

}  // namespace
}  // namespace alkaid::growth
