// Memory runs out at every point of stamps, profiles, verdicts and reservations
// (fixtures/failure_suite.h).
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/base/environment.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/observers/builder_events.h"
#include "alkaid/growth/growing_profile_internal.h"
#include "alkaid/growth/growth_evidence.h"
#include "alkaid/growth/growth_report.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_gate.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/line_fit.h"
#include "alkaid/growth/memory_text.h"
#include "alkaid/growth/planted_leak.h"
#include "alkaid/growth/process_memory.h"
#include "alkaid/growth/process_profile.h"
#include "alkaid/growth/reservation_advisor.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/made_profile.h"

namespace alkaid::growth {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

constexpr char kLabel[] = "out of memory.a label that is as long as some are";

// A suite of this name runs before the others, whatever the order of their files: a profile reads
// the environment too.
TEST(GrowthFirstUseDeathTest, ThePlantedLeakOfTheEnvironment) {
  ASSERT_EQ(
      ::setenv(alkaid::internal::kProfileLeakMbVariable, "a number as long as no number is", 1), 0);
  ::testing::internal::CaptureStderr();
  FailureSuite::TryInChildren("PlantedLeakFromEnvironment", kThrows,
                              [] { return PlantedLeakFromEnvironment(); });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("no leak is planted"));
  ASSERT_EQ(::unsetenv(alkaid::internal::kProfileLeakMbVariable), 0);
}

class GrowthOutOfMemory : public ::testing::Test {
 protected:
  GrowthOutOfMemory() {
    std::filesystem::create_directory(folder_);
    // What a process makes once, at its first stamp, does not count in the other tests.
    EXPECT_THAT(LeakProfile(PlantedLeakOptions()).Stamp(), IsOk());
  }
  ~GrowthOutOfMemory() override { std::filesystem::remove_all(folder_); }

  std::string Names() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return std::to_string(count) + " files";
  }

  const std::string folder_ =
      absl::StrCat(::testing::TempDir(), "/alkaid_growth_failure_test.", ::getpid());
  const std::string file_ = folder_ + "/a profile with a long name";
  const std::string nowhere_ = file_ + "/none/there";
};

std::vector<MemoryStamp> Growing() {
  return fixtures::Profile(60, {.live = fixtures::Line(60, 1.0), .kept = fixtures::Line(60, 0.5)});
}

TEST_F(GrowthOutOfMemory, LearningReservations) {
  const auto make = [](MemoryPool*) {
    auto advisor = std::make_unique<ReservationAdvisor>();
    advisor->Learn(Label::Intern(kLabel), 1000);
    advisor->Install();
    return advisor;
  };
  const auto text = [](const ReservationAdvisor& advisor) {
    std::string all = absl::StrCat(advisor.builders());
    for (const LearntReservation& learnt : advisor.Learnt()) {
      absl::StrAppend(&all, "; ", learnt.label, " ", learnt.high_water, " ", learnt.advice);
    }
    return all;
  };
  const auto outcome = [&](auto& advisor, auto&&...) { return text(*advisor); };
  FailureSuite::Try(
      "ReservationAdvisor", kThrows, [](MemoryPool*) { return 0; },
      [](int&) { return std::make_unique<ReservationAdvisor>(); },
      [&](int&, auto& advisor) { return text(*advisor); });
  FailureSuite::Try(
      "ReservationAdvisor::Install", kThrows,
      [](MemoryPool*) { return std::make_unique<ReservationAdvisor>(); },
      [](auto& advisor) { advisor->Install(); },
      [&](auto& advisor) {
        alkaid::internal::NotifyBuilderEnd({.label = Label::Intern(kLabel), .high_water = 5000});
        return text(*advisor);
      });
  FailureSuite::Try(
      "ReservationAdvisor::Uninstall", kNeedsNone, make,
      [](auto& advisor) { advisor->Uninstall(); },
      [&](auto& advisor) {
        alkaid::internal::NotifyBuilderEnd({.label = Label::Intern(kLabel), .high_water = 5000});
        return text(*advisor);
      });
  const Label other = Label::Intern(absl::StrCat(kLabel, ".other"));
  FailureSuite::Try(
      "ReservationAdvisor::Learn", kThrows, make,
      [&](auto& advisor) { advisor->Learn(other, 3000); }, outcome);
  FailureSuite::Try(
      "ReservationAdvisor::OnEnd", kGoesOn, make,
      [&](auto& advisor) { advisor->OnEnd({.label = other, .high_water = 3000}); }, outcome);
  FailureSuite::Try(
      "ReservationAdvisor::Suggest", kNeedsNone, make,
      [](auto& advisor) { (void)advisor->Advise(Label::Intern(kLabel)); }, outcome);
  FailureSuite::Try(
      "ReservationAdvisor::Learnt", kThrows, make, [](auto& advisor) { return advisor->Learnt(); },
      [](auto&, const auto& learnt) { return absl::StrCat(learnt.size(), learnt[0].label); });
  FailureSuite::Try(
      "ReservationAdvisor::Save", kStatus,
      [&](MemoryPool* pool) {
        std::filesystem::remove(file_);
        return make(pool);
      },
      [&](auto& advisor) { return advisor->Save(file_); },
      [&](auto&) {
        ReservationAdvisor read;
        EXPECT_THAT(read.Load(file_), IsOk());
        return absl::StrCat(text(read), Names());
      });
  // A file with the label that is known, and some unknown ones.
  ReservationAdvisor saved;
  for (int i = 0; i < 5; ++i) saved.Learn(Label::Intern(absl::StrCat(kLabel, i)), 100 * i);
  saved.Learn(Label::Intern(kLabel), 2000);
  ASSERT_THAT(saved.Save(file_), IsOk());
  FailureSuite::Try(
      "ReservationAdvisor::Load", kStatus, make,
      [&](auto& advisor) { return advisor->Load(file_); }, outcome);
  FailureSuite::Try(
      "ReservationAdvisor::Load of none", kStatus, make,
      [&](auto& advisor) { return advisor->Load(nowhere_); }, outcome);
}

TEST_F(GrowthOutOfMemory, ALoadThatFailedAddsNothing) {
  ReservationAdvisor saved;
  for (int i = 0; i < 5; ++i) saved.Learn(Label::Intern(absl::StrCat(kLabel, i)), 100 * i);
  ASSERT_THAT(saved.Save(file_), IsOk());
  for (int64_t n = 1;; ++n) {
    ReservationAdvisor advisor;
    Status loaded;
    {
      const failing::FailingNew failing(n, true);
      loaded = advisor.Load(file_);
    }
    EXPECT_EQ(advisor.Learnt().size(), loaded.ok() ? 5 : 0) << n;
    if (loaded.ok()) break;
  }
}

TEST_F(GrowthOutOfMemory, AnAdvisorGoesWithoutMemory) {
  auto advisor = std::make_unique<ReservationAdvisor>();
  advisor->Install();
  EXPECT_EQ(WithoutNew([&] { advisor.reset(); }), 0);
  // Reaches no advisor any more.
  alkaid::internal::NotifyBuilderEnd({.label = Label::Intern(kLabel), .high_water = 5000});
}

TEST_F(GrowthOutOfMemory, LeakProfiles) {
  FailureSuite::Try(
      "LeakProfile", kThrows, [](MemoryPool*) { return 0; },
      [](int&) { return std::make_unique<LeakProfile>(); },
      [](int&, auto& profile) { return absl::StrCat(profile->stamp_count()); });
  struct Stamping {
    bool views = false;
    std::unique_ptr<LeakProfile> profile;
    std::vector<std::shared_ptr<Buffer>> held;

    explicit Stamping(bool with_views) : views(with_views) {
      if (views) {
        EXPECT_THAT(heap::StartTracking({.views = true}), IsOk());
      }
      profile = std::make_unique<LeakProfile>(PlantedLeakOptions{.mb_per_event = 0.01});
      std::shared_ptr<Buffer> root = AllocateBuffer(1000).value();
      held = {root, SliceBuffer(root, 0, 10)};
      EXPECT_THAT(profile->Stamp(), IsOk());
    }
    Stamping(const Stamping&) = delete;
    ~Stamping() {
      held.clear();
      if (views) heap::StopTracking();
    }
  };
  for (const bool views : {false, true}) {
    const auto make = [&](MemoryPool*) { return std::make_unique<Stamping>(views); };
    FailureSuite::Try(
        "LeakProfile::Stamp", kStatus, make, [](auto& state) { return state->profile->Stamp(); },
        [](auto& state) {
          const auto stamps = state->profile->stamps();
          return absl::StrCat(stamps.size(), " ",
                              std::isnan(stamps.back().roots_mb) ? "" : "with views");
        });
    FailureSuite::Try(
        "LeakProfile::TryRelease", kNeedsNone, make,
        [](auto& state) { return state->profile->TryRelease(); },
        [](auto& state) {
          const auto stamps = state->profile->stamps();
          return absl::StrCat(stamps.size(), std::isnan(stamps.back().released_rss_mb));
        });
  }
  const auto make = [](MemoryPool*) { return std::make_unique<Stamping>(false); };
  FailureSuite::Try(
      "LeakProfile::TryRelease of nothing", kStatus,
      [](MemoryPool*) { return std::make_unique<LeakProfile>(PlantedLeakOptions()); },
      [](auto& profile) { return profile->TryRelease(); }, [](auto&) { return ""; });
  FailureSuite::Try(
      "LeakProfile::stamps", kThrows, make, [](auto& state) { return state->profile->stamps(); },
      [](auto&, const auto& stamps) { return absl::StrCat(stamps.size()); });
  FailureSuite::Try(
      "LeakProfile::Save", kStatus, make, [&](auto& state) { return state->profile->Save(file_); },
      [&](auto&) {
        const auto read = ReadLeakProfile(file_);
        return absl::StrCat(read.ok() ? read->size() : 0, Names());
      });
}

TEST_F(GrowthOutOfMemory, LeakProfileFiles) {
  const std::vector<MemoryStamp> stamps = Growing();
  FailureSuite::Try(
      "WriteLeakProfile", kStatus,
      [&](MemoryPool*) {
        std::filesystem::remove(file_);
        return 0;
      },
      [&](int&) { return WriteLeakProfile(stamps, file_); },
      [&](int&) {
        const auto read = ReadLeakProfile(file_);
        return absl::StrCat(read.ok() ? read->size() : 0, Names());
      });
  ASSERT_THAT(WriteLeakProfile(stamps, file_), IsOk());
  FailureSuite::Try(
      "ReadLeakProfile", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return ReadLeakProfile(file_); },
      [](int&, const auto& read) { return absl::StrCat(read.size()); });
  FailureSuite::Try(
      "ParseLeakProfile of none", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return ParseLeakProfile("no array of numbers, as long as it is", file_); },
      [](int&, const auto& read) { return absl::StrCat(read.size()); });
  FailureSuite::Try(
      "GrowingProfile::Make", kStatus,
      [&](MemoryPool*) {
        std::filesystem::remove(file_);
        return LeakProfileRun{.end = LeakProfileRun::End::kRunning, .process = 7};
      },
      [&](LeakProfileRun& run) { return GrowingProfile::Make(file_, run).status(); },
      [&](LeakProfileRun&) {
        const auto read = ReadLeakProfile(file_);
        return absl::StrCat(read.ok() ? 1 : 0, Names());
      });
  FailureSuite::Try(
      "ReadLeakProfileRun", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return ReadLeakProfileRun(file_); },
      [](int&, const auto& run) { return absl::StrCat(run.process); });
}

TEST_F(GrowthOutOfMemory, PlantingALeak) {
  for (const auto by : {PlantedLeakOptions::By::kPool, PlantedLeakOptions::By::kMalloc}) {
    FailureSuite::Try(
        "PlantedLeak::Plant", kNeedsNone,
        [&](MemoryPool*) { return PlantedLeak({.mb_per_event = 1, .by = by}); },
        [](PlantedLeak& leak) { return leak.Plant(); },
        [](PlantedLeak& leak) {
          const int64_t first = leak.planted_bytes();
          // The amount that is carried on shows in the next call.
          EXPECT_THAT(leak.Plant(), IsOk());
          return absl::StrCat(first, " ", leak.planted_bytes());
        });
  }
  FailureSuite::Try(
      "PlantedLeak::Plant beyond its limit", kStatus,
      [](MemoryPool*) { return PlantedLeak({.mb_per_event = 1, .most_bytes = 1}); },
      [](PlantedLeak& leak) { return leak.Plant(); }, [](PlantedLeak&) { return ""; });
  FailureSuite::Try(
      "MostToPlant", kNeedsNone, [](MemoryPool*) { return 0; }, [](int&) { return MostToPlant(); },
      [](int&, int64_t most) { return most < INT64_MAX ? "a limit" : "none"; });
  EXPECT_EQ(WithoutNew([] { EXPECT_LT(MostToPlant(), INT64_MAX); }), 0);
  FailureSuite::Try(
      "ParsePlantedLeak", kStatus, [](MemoryPool*) { return std::string("10"); },
      [](std::string& text) { return ParsePlantedLeak(text, text); },
      [](std::string&, const auto& options) { return absl::StrCat(options.mb_per_event); });
}

TEST_F(GrowthOutOfMemory, TheProfileOfTheProcess) {
  const std::string pattern = file_ + ".%p.npy";
  FailureSuite::TryInChildren("ProfileLeaksOfProcess", kStatus,
                              [&] { return ProfileLeaksOfProcess(pattern); });
  ::testing::internal::CaptureStderr();
  FailureSuite::TryInChildren(
      "StampEvent", kGoesOn,
      [&](MemoryPool*) {
        // A stamp needs memory only for the totals of views.
        EXPECT_THAT(heap::StartTracking({.views = true}), IsOk());
        EXPECT_THAT(ProfileLeaksOfProcess(pattern), IsOk());
        return 0;
      },
      [](int&) { StampEvent(); }, [](int&) { return ""; });
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, ::testing::HasSubstr("alkaid: no memory for the live views\n"));
  SetReleaseStampOfProcess(0);
  FailureSuite::Try(
      "StampEvent where nobody asked", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { StampEvent(); }, [](int&) { return ""; });
}

TEST_F(GrowthOutOfMemory, VerdictsAndTheirText) {
  const std::vector<MemoryStamp> stamps = Growing();
  const GrowthVerdict verdict = JudgeGrowth(stamps);
  FailureSuite::Try(
      "JudgeGrowth", kThrows, [](MemoryPool*) { return 0; },
      [&](int&) { return JudgeGrowth(stamps); },
      [](int&, const GrowthVerdict& judged) { return std::string(VerdictName(judged.verdict)); });
  std::vector<double> values;
  for (const MemoryStamp& stamp : stamps) values.push_back(stamp.rss_mb);
  FailureSuite::Try(
      "FitLine", kThrows, [](MemoryPool*) { return 0; }, [&](int&) { return FitLine(values); },
      [](int&, const LineFit& fit) { return absl::StrCat(fit.slope, " ", fit.low); });
  FailureSuite::Try(
      "FitLateGrowth", kThrows, [](MemoryPool*) { return 0; },
      [&](int&) { return FitLateGrowth(values); },
      [](int&, const LineFit& fit) { return absl::StrCat(fit.points); });
  FailureSuite::TryText("SummaryLines", kThrows, [&] { return SummaryLines(stamps); });
  FailureSuite::TryText("FitLines", kThrows, [&] { return FitLines(verdict); });
  FailureSuite::TryText("GrowthReport", kThrows, [&] { return GrowthReport(stamps, verdict); });
  FailureSuite::TryText("AdviceOf", kThrows, [&] { return AdviceOf(verdict); });
  FailureSuite::Try(
      "EvidenceOf", kThrows, [](MemoryPool*) { return 0; },
      [&](int&) { return EvidenceOf(stamps, verdict); },
      [](int&, const auto& lines) { return absl::StrCat(lines.size()); });
  for (const double mb : {0.0012345, 123456.78}) {
    FailureSuite::TryText("MbNumber", kNeedsNone, [&] { return MbNumber(mb); });
    FailureSuite::TryText("SignedMbNumber", kNeedsNone, [&] { return SignedMbNumber(mb); });
    FailureSuite::TryText("MbText", kNeedsNone, [&] { return MbText(mb); });
    FailureSuite::TryText("SignedMbText", kNeedsNone, [&] { return SignedMbText(mb); });
  }
  FailureSuite::Try(
      "RunLeakGate", kStatus, [](MemoryPool*) { return LeakGateOptions(); },
      [&](LeakGateOptions& options) { return RunLeakGate(stamps, options); },
      [](auto&, const LeakGateResult& result) { return absl::StrCat(result.accounts.size()); });
  FailureSuite::Try(
      "RunLeakGate with too few stamps", kStatus, [](MemoryPool*) { return LeakGateOptions(); },
      [&](LeakGateOptions& options) { return RunLeakGate(std::span(stamps).first(2), options); },
      [](auto&, const LeakGateResult&) { return ""; });
  const auto planted = RunLeakGate(stamps);
  ASSERT_THAT(planted, IsOk());
  FailureSuite::Try(
      "CheckLeakGateControl", kNeedsNone, [](MemoryPool*) { return 0; },
      [&](int&) { return CheckLeakGateControl(*planted, nullptr, 100, 0.1); },
      [](int&) { return ""; });
  FailureSuite::Try(
      "ReadProcessMemory", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return ReadProcessMemory(); },
      [](int&, const ProcessMemory& memory) { return absl::StrCat(memory.rss > 0); });
}

}  // namespace
}  // namespace alkaid::growth

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
