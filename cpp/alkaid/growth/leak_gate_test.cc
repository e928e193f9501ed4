#include "alkaid/growth/leak_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
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
using fixtures::Staircase;
using fixtures::White;
using fixtures::operator+;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Processes without a leak. Each workload is harder on a gate than most real ones.
struct Workload {
  std::string name;
  std::function<Accounts(Noise&, size_t)> make;
};

std::vector<Workload> Workloads() {
  return {
      {"noise that remembers",
       [](Noise& n, size_t size) {
         return Accounts{.live = Series(size, 200) + Autoregressive(n, size, 0.9, 3),
                         .kept = Autoregressive(n, size, 0.5, 2)};
       }},
      {"caches that fill and are emptied",
       [](Noise& n, size_t size) {
         const double period = 5 + n.Uniform() * 0.5 * static_cast<double>(size);
         return Accounts{.live = Series(size, 200) + Sawtooth(n, size, period, 40),
                         .kept = Sawtooth(n, size, 7, 8)};
       }},
      {"an allocator that grows in steps, and stops",
       [](Noise& n, size_t size) {
         const int steps = 1 + static_cast<int>(n.Below(20));
         return Accounts{.live = Series(size, 200) + White(n, size, 2),
                         .kept = Staircase(n, size, steps, 8, 0.1 + 0.5 * n.Uniform())};
       }},
      {"an RSS that wanders",
       [](Noise& n, size_t size) {
         return Accounts{.live = Series(size, 200) + White(n, size, 2),
                         .elsewhere = Series(size, 300) + Autoregressive(n, size, 1, 2)};
       }},
      {"a cache that fills ever more slowly",
       [](Noise& n, size_t size) {
         const double time = (0.02 + 0.13 * n.Uniform()) * static_cast<double>(size);
         return Accounts{.live = White(n, size, 1) + Make(size, [&](size_t i) {
                                   return 200 * (1 - std::exp(-static_cast<double>(i) / time));
                                 })};
       }},
  };
}

// The number of runs of a workload in which the gate alarms, with `leak` in each.
int Alarms(const Workload& workload, int runs, size_t size, double leak_per_event,
           const LeakGateOptions& options = {}) {
  Noise noise(size);
  int alarms = 0;
  for (int run = 0; run < runs; ++run) {
    Accounts accounts = workload.make(noise, size);
    accounts.live = accounts.live + Line(size, leak_per_event);
    const auto result = RunLeakGate(Profile(size, accounts), options);
    EXPECT_TRUE(result.ok()) << result.status();
    alarms += result.ok() && result->Alarm() != nullptr ? 1 : 0;
  }
  return alarms;
}

// At most two alarms in 200 runs of a workload are promised. Here are five times as many runs of
// each of five workloads, at each of three lengths, with the same share of alarms.
TEST(LeakGate, AlarmsInAtMostOneOfAHundredRunsThatDoNotLeak) {
  for (const Workload& workload : Workloads()) {
    for (const size_t size : {30u, 100u, 300u}) {
      EXPECT_LE(Alarms(workload, 1000, size, 0, {.max_mb = 0.01}), 10)
          << workload.name << ", " << size << " stamps";
    }
  }
}

// The control: the same runs with a leak.
TEST(LeakGate, AlarmsInTheSameRunsWithALeak) {
  for (const Workload& workload : Workloads()) {
    // 300 stamps see 2 MB per event, less than most of these workloads move in one event.
    EXPECT_GE(Alarms(workload, 200, 300, 2, {.max_mb = 0.01}), 190) << workload.name;
    EXPECT_EQ(Alarms(workload, 200, 300, 20, {.max_mb = 0.01}), 200) << workload.name;
  }
}

TEST(LeakGate, AlarmsWhereGrowthBeginsLateOrGetsFaster) {
  const auto alarms = [](size_t size, auto shape) {
    const Series live = Make(size, [&](size_t i) {
      return shape(static_cast<double>(i) / static_cast<double>(size - 1));
    });
    const auto result = RunLeakGate(Profile(size, {.live = live}));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() && result->Alarm() != nullptr;
  };
  for (const size_t size : {100u, 200u, 1000u}) {
    const double all = static_cast<double>(size);
    EXPECT_TRUE(alarms(size, [all](double x) { return all * std::max(0.0, x - 0.55); })) << size;
    EXPECT_TRUE(alarms(size, [all](double x) { return all * x * x * x; })) << size;
    EXPECT_TRUE(alarms(size, [all](double x) { return all / 20 * std::exp(3.5 * x); })) << size;
    // None of these leaks.
    EXPECT_FALSE(alarms(size, [all](double x) { return all * std::fmod(9 * x, 1.0); })) << size;
    EXPECT_FALSE(alarms(size, [all](double x) { return x < 0.6 ? all : all * (x - 0.6); })) << size;
  }
}

TEST(LeakGate, PassesGrowthUpToTheStatedFigure) {
  const auto stamps = Profile(100, {.live = Line(100, 0.5)});
  EXPECT_EQ(RunLeakGate(stamps, {.max_mb = 0.51})->Alarm(), nullptr);
  const auto result = RunLeakGate(stamps, {.max_mb = 0.49});
  ASSERT_NE(result->Alarm(), nullptr);
  EXPECT_EQ(result->Alarm()->account, Account::kRss);
  EXPECT_EQ(result->verdict.verdict, Verdict::kLeak);
}

// RSS is too noisy for that, and live is not.
TEST(LeakGate, SeesInLiveWhatRssHides) {
  Noise noise(2);
  const auto stamps = Profile(100, {.live = Line(100, 0.3), .elsewhere = White(noise, 100, 100)});
  const auto result = RunLeakGate(stamps);
  ASSERT_NE(result->Alarm(), nullptr);
  EXPECT_EQ(result->Alarm()->account, Account::kLive);
  EXPECT_EQ(RunLeakGate(stamps, {.accounts = {Account::kRss}})->Alarm(), nullptr);
}

TEST(LeakGate, IsBlindWhereOneMoreLeakOfThePlantedSizeCouldHide) {
  Noise noise(5);
  const auto stamps = Profile(100, {.live = Series(100, 200), .elsewhere = White(noise, 100, 300)});
  const auto result = RunLeakGate(stamps);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->Alarm(), nullptr);
  const GatedAccount* const blind = result->Blind(1);
  ASSERT_NE(blind, nullptr);
  EXPECT_EQ(blind->account, Account::kRss);
  EXPECT_EQ(result->Blind(blind->fit.high), nullptr);
  EXPECT_EQ(RunLeakGate(stamps, {.max_mb = blind->fit.high})->Blind(1), nullptr);
  EXPECT_EQ(RunLeakGate(stamps, {.accounts = {Account::kLive}})->Blind(1), nullptr);
}

// The line is steep, but none of it is a leak.
TEST(LeakGate, IsNotBlindWhereGrowthLevelsOff) {
  const auto stamps = Profile(100, {.live = Make(100, [](size_t i) {
                                      return 50.0 * static_cast<double>(std::min<size_t>(i, 40));
                                    })});
  const auto result = RunLeakGate(stamps, {.warm_up = 0});
  ASSERT_EQ(result->verdict.verdict, Verdict::kLevelsOff);
  EXPECT_GT(result->accounts.front().fit.high, 1.1);
  EXPECT_EQ(result->Blind(1), nullptr);
}

TEST(LeakGate, PassesGrowthThatEndsInTheLaterHalf) {
  const auto stamps = Profile(100, {.live = Make(100, [](size_t i) {
                                      return 5.0 * static_cast<double>(std::min<size_t>(i, 55));
                                    })});
  const auto result = RunLeakGate(stamps, {.warm_up = 0});
  EXPECT_EQ(result->Alarm(), nullptr);
  EXPECT_EQ(result->verdict.verdict, Verdict::kLevelsOff);
}

TEST(LeakGate, DiscardsTheWarmUp) {
  const auto stamps = Profile(100, {.live = Make(100, [](size_t i) {
                                      return 5.0 * static_cast<double>(std::min<size_t>(i, 80));
                                    })});
  EXPECT_NE(RunLeakGate(stamps, {.warm_up = 0})->Alarm(), nullptr);
  EXPECT_EQ(RunLeakGate(stamps, {.warm_up = 80})->Alarm(), nullptr);
}

TEST(LeakGate, KnowsFilesOfTimeAndVmWhenVmIsGated) {
  std::vector<MemoryStamp> stamps(50);
  for (size_t i = 0; i < 50; ++i) stamps[i].vm_mb = 100 + static_cast<double>(i);
  EXPECT_FALSE(RunLeakGate(stamps).ok());
  const auto result = RunLeakGate(stamps, {.accounts = {Account::kVm}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NE(result->Alarm(), nullptr);
}

TEST(LeakGate, RefusesToJudgeTooFewStamps) {
  const auto stamps = Profile(20, {.live = Line(20, 1)});
  const auto few = RunLeakGate(std::span(stamps).first(7));
  EXPECT_EQ(few.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(few.status().message()),
              AllOf(HasSubstr("7 stamps, of which 7 after the warm-up of 0"),
                    HasSubstr("at least 8 are needed")));
  EXPECT_FALSE(RunLeakGate({}).ok());
  EXPECT_FALSE(RunLeakGate(stamps, {.warm_up = 13}).ok());
  EXPECT_TRUE(RunLeakGate(stamps, {.warm_up = 12}).ok());
  std::vector<MemoryStamp> unknown(50);
  for (MemoryStamp& stamp : unknown) stamp.vm_mb = kUnknown;
  EXPECT_FALSE(RunLeakGate(unknown).ok());
}

// A limit of NaN compares false with everything, and would never alarm.
TEST(LeakGate, RefusesFiguresThatMakeNoSense) {
  const auto stamps = Profile(100, {.live = Line(100, 1)});
  for (const double max_mb : {std::nan(""), -1.0, HUGE_VAL}) {
    EXPECT_EQ(RunLeakGate(stamps, {.max_mb = max_mb}).status().code(),
              StatusCode::kInvalidArgument);
  }
  for (const double confidence : {std::nan(""), 0.0, 1.0, 99.0}) {
    EXPECT_EQ(RunLeakGate(stamps, {.confidence = confidence}).status().code(),
              StatusCode::kInvalidArgument);
  }
}

LeakGateResult GateOf(double slope, double noise_mb = 1) {
  Noise noise(31);
  return *RunLeakGate(Profile(100, {.live = Line(100, slope, 300) + White(noise, 100, noise_mb)}));
}

TEST(LeakGateControl, PassesWhereThePlantedSlopeIsFound) {
  const LeakGateResult clean = GateOf(0);
  EXPECT_TRUE(CheckLeakGateControl(GateOf(10), &clean, 10, 0.05).ok());
  EXPECT_TRUE(CheckLeakGateControl(GateOf(10), nullptr, 10, 0.05).ok());
}

TEST(LeakGateControl, CountsFromTheProgramsOwnLeak) {
  const LeakGateResult clean = GateOf(3.5);
  EXPECT_TRUE(CheckLeakGateControl(GateOf(13.5), &clean, 10, 0.05).ok());
}

TEST(LeakGateControl, FailsWhereThePlantedLeakDoesNotAlarm) {
  const Status status = CheckLeakGateControl(GateOf(0.02, 5), nullptr, 0.02, 0.05);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("does not see a leak that was planted"), HasSubstr("0.0200 MB"),
                    HasSubstr("RSS"), HasSubstr("more events")));
}

TEST(LeakGateControl, FailsWhereAnotherSlopeIsFoundThanWasPlanted) {
  const LeakGateResult clean = GateOf(0, 0.1);
  for (const double found : {5.0, 8.9, 11.1, 20.0}) {
    const Status status = CheckLeakGateControl(GateOf(found, 0.1), &clean, 10, 0.1);
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << found;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("10.00 MB per event were planted"), HasSubstr("9.00 to 11.00 MB")));
  }
  EXPECT_TRUE(CheckLeakGateControl(GateOf(9.1, 0.1), &clean, 10, 0.1).ok());
}

// A short, noisy run measures badly. It does not fail for that as long as it alarms; a slope that
// is certainly different fails in noise too.
TEST(LeakGateControl, AllowsForWhatTheIntervalsLeaveOpen) {
  const LeakGateResult clean = GateOf(0.6, 20);
  EXPECT_TRUE(CheckLeakGateControl(GateOf(9.3, 20), &clean, 10, 0.1).ok());
  EXPECT_FALSE(CheckLeakGateControl(GateOf(5, 20), &clean, 10, 0.1).ok());
}

TEST(LeakGate, JudgesWhatALongRunCameToInAll) {
  const auto stamps = Profile(20'000, {.live = Line(20'000, 0.02)});
  const LeakGateResult slow = RunLeakGate(stamps).value();
  EXPECT_EQ(slow.Alarm(), nullptr);
  ASSERT_NE(slow.BelowLimit(), nullptr);
  EXPECT_EQ(slow.BelowLimit()->account, Account::kRss);
  EXPECT_NEAR(slow.BelowLimit()->total_mb(), 360, 1);
  const LeakGateResult much = RunLeakGate(stamps, {.max_total_mb = 100}).value();
  ASSERT_NE(much.Alarm(), nullptr);
  EXPECT_EQ(much.BelowLimit(), nullptr);
  EXPECT_EQ(much.verdict.verdict, Verdict::kLeak);
  EXPECT_EQ(RunLeakGate(stamps, {.max_total_mb = -1}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(LeakGate, DoesNotCallWhatIsQuietGrowth) {
  Noise noise(7);
  const auto stamps = Profile(400, {.live = Series(400, 100) + White(noise, 400, 5)});
  EXPECT_EQ(RunLeakGate(stamps).value().BelowLimit(), nullptr);
}

TEST(LeakGate, APlantThatIsAllowedIsRefusedWithWhatToChange) {
  EXPECT_TRUE(CheckPlantedAlarms(1, 0.1).ok());
  const Status refused = CheckPlantedAlarms(1, 3);
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("1.00 MB per event"), HasSubstr("3.00 MB"), HasSubstr("--plant 6")));
}

}  // namespace
}  // namespace alkaid::growth
