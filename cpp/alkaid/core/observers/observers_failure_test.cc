// Memory runs out at every point of the functions that add and remove observers and make labels
// (fixtures/failure_suite.h).
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/observers/builder_events.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/observers/source_note.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

struct Counting final : MemoryObserver {
  int events = 0;
  void OnFree(MemoryPool*, const void*, int64_t) override { ++events; }
  ~Counting() override { RemoveMemoryObserver(this); }
};

struct CountingBuilders final : BuilderObserver {
  int events = 0;
  void OnEnd(const BuilderEnd&) override { ++events; }
  ~CountingBuilders() override { RemoveBuilderObserver(this); }
};

void TellMemory() { internal::NotifyFree(nullptr, nullptr, 1); }
void TellBuilders() { internal::NotifyBuilderEnd({}); }

TEST(ObserversOutOfMemory, AddingOne) {
  FailureSuite::Try(
      "AddMemoryObserver", kThrows, [](MemoryPool*) { return std::make_unique<Counting>(); },
      [](auto& observer) { AddMemoryObserver(observer.get()); },
      [](auto& observer) {
        TellMemory();
        return absl::StrCat(observer->events);
      });
  EXPECT_FALSE(internal::BlockEventsOn());
  EXPECT_FALSE(internal::ViewEventsOn());
  FailureSuite::Try(
      "AddBuilderObserver", kThrows,
      [](MemoryPool*) { return std::make_unique<CountingBuilders>(); },
      [](auto& observer) { AddBuilderObserver(observer.get()); },
      [](auto& observer) {
        TellBuilders();
        return absl::StrCat(observer->events);
      });
}

TEST(ObserversOutOfMemory, RemovingThemNeedsNoMemoryAndIsComplete) {
  constexpr int kObservers = 5;
  std::vector<std::unique_ptr<Counting>> observers;
  std::vector<std::unique_ptr<CountingBuilders>> builders;
  for (int i = 0; i < kObservers; ++i) {
    AddMemoryObserver(observers.emplace_back(std::make_unique<Counting>()).get());
    AddBuilderObserver(builders.emplace_back(std::make_unique<CountingBuilders>()).get());
  }
  for (int i = 0; i < kObservers; ++i) {
    EXPECT_EQ(WithoutNew([&] {
                RemoveMemoryObserver(observers[static_cast<size_t>(i)].get());
                RemoveBuilderObserver(builders[static_cast<size_t>(i)].get());
                TellMemory();
                TellBuilders();
              }),
              0);
    for (int k = 0; k < kObservers; ++k) {
      const auto at = static_cast<size_t>(k);
      EXPECT_EQ(observers[at]->events, std::min(i + 1, k)) << i << " " << k;
      EXPECT_EQ(builders[at]->events, std::min(i + 1, k)) << i << " " << k;
    }
  }
  EXPECT_FALSE(internal::BlockEventsOn());
  EXPECT_FALSE(internal::ViewEventsOn());
  // An observer that was removed can be added again, and is notified.
  AddMemoryObserver(observers[0].get());
  TellMemory();
  EXPECT_EQ(observers[0]->events, 1);
}

TEST(ObserversOutOfMemory, TellingThemNeedsNoMemory) {
  Counting observer;
  CountingBuilders builders;
  AddMemoryObserver(&observer);
  AddBuilderObserver(&builders);
  FailureSuite::Try(
      "telling", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) {
        internal::NotifyAllocate(nullptr, nullptr, 1, 64);
        internal::NotifyReallocating(nullptr, nullptr, 1);
        internal::NotifyReallocate(nullptr, nullptr, nullptr, 1, 2, 64);
        TellMemory();
        internal::NotifySlice(nullptr, nullptr, 0, 1);
        internal::NotifySliceRelease(nullptr, nullptr);
        internal::NotifyRootRelease(nullptr, nullptr, 1);
        internal::NotifySourceNote({});
        internal::NotifyBuilderGrowth({});
        TellBuilders();
        (void)internal::AdviseBuilder(Label());
        TraceBuilderGrowth(false);
      },
      [](int&) { return ""; });
}

TEST(ObserversOutOfMemory, ALabelThatCannotBeKeptIsTheOneForMoreAndItsNameIsFreeStill) {
  constexpr char kName[] = "out of memory.a label that is as long as some are";
  Label made;
  EXPECT_GT(WithoutNew([&] { made = Label::Intern(kName); }), 0);
  EXPECT_STREQ(made.name(), Label::kOverflowName);
  EXPECT_STREQ(Label::Intern(kName).name(), kName);
  EXPECT_EQ(WithoutNew([&] { made = Label::Intern(kName); }), 0);
  EXPECT_STREQ(made.name(), kName);
  FailureSuite::TryInChildren("Label::Intern", kGoesOn,
                              [] { return Label::Intern("out of memory.another label, as long"); });
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
