#include "alkaid/core/observers/builder_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

// Records the events of one label, so that other builders of the process do not matter.
class Recorder : public BuilderObserver {
 public:
  explicit Recorder(Label label) : label_(label) { AddBuilderObserver(this); }
  ~Recorder() override { RemoveBuilderObserver(this); }

  void OnGrowth(const BuilderGrowth& growth) override {
    if (growth.label == label_) growths.push_back(growth);
  }
  void OnEnd(const BuilderEnd& end) override {
    if (end.label == label_) ends.push_back(end);
  }
  int64_t Advise(Label label) override {
    if (label != label_) return 0;
    ++asked;
    return advice;
  }

  std::vector<BuilderGrowth> growths;
  std::vector<BuilderEnd> ends;
  int asked = 0;
  int64_t advice = 0;

 private:
  const Label label_;
};

BufferBuilder Labelled(Label label) {
  BufferBuilder builder;
  builder.SetLabel(label);
  return builder;
}

TEST(BuilderEvents, TellOfEachGrowthAndOfNothingElse) {
  const Label label = Label::Intern("test.growth");
  Recorder recorder(label);
  BufferBuilder builder = Labelled(label);
  ALKAID_ASSERT_OK(builder.Append(64, uint8_t{1}));
  const void* const first = builder.data();
  ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{2}));
  for (int i = 0; i < 20; ++i) ALKAID_ASSERT_OK(builder.Append("x"));
  ASSERT_EQ(recorder.growths.size(), 2u);
  const BuilderGrowth& block = recorder.growths[0];
  EXPECT_EQ(block.old_data, nullptr);
  EXPECT_EQ(block.new_data, first);
  EXPECT_EQ(block.size, 0);
  EXPECT_EQ(block.old_capacity, 0);
  EXPECT_EQ(block.new_capacity, 64);
  EXPECT_EQ(block.reason, BuilderGrowthReason::kNeeded);
  const BuilderGrowth& more = recorder.growths[1];
  EXPECT_EQ(more.old_data, first);
  EXPECT_EQ(more.new_data, builder.data());
  EXPECT_EQ(more.size, 64);
  EXPECT_EQ(more.old_capacity, 64);
  EXPECT_EQ(more.new_capacity, builder.capacity());
  ALKAID_ASSERT_OK(builder.Resize(5000));
  EXPECT_EQ(recorder.growths.back().reason, BuilderGrowthReason::kResized);
}

TEST(BuilderEvents, TellTheEndOfContentsWhicheverWayTheyEnd) {
  const Label label = Label::Intern("test.end");
  Recorder recorder(label);
  {
    BufferBuilder builder = Labelled(label);
    ALKAID_ASSERT_OK(builder.Append(10, uint8_t{1}));
    builder.Reset();
    builder.Reset();
    ALKAID_ASSERT_OK(builder.Append(20, uint8_t{1}));
    ALKAID_ASSERT_OK_AND_ASSIGN(auto finished, builder.Finish());
    ALKAID_ASSERT_OK_AND_ASSIGN(finished, builder.Finish());
    ALKAID_ASSERT_OK(builder.Append(30, uint8_t{1}));
    builder = Labelled(label);
    ALKAID_ASSERT_OK(builder.Append(40, uint8_t{1}));
    BufferBuilder other = std::move(builder);
    EXPECT_EQ(recorder.ends.size(), 3u);
  }
  std::vector<int64_t> sizes;
  for (const BuilderEnd& end : recorder.ends) sizes.push_back(end.size);
  EXPECT_EQ(sizes, (std::vector<int64_t>{10, 20, 30, 40}));
}

TEST(BuilderEvents, TheEndSaysTheMostThatWasHeldAndWhatGrowingCost) {
  const Label label = Label::Intern("test.cost");
  Recorder recorder(label);
  BufferBuilder builder = Labelled(label);
  ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{1}));
  builder.Rewind(10);
  ALKAID_ASSERT_OK(builder.Append(5000, uint8_t{1}));
  builder.Rewind(100);
  builder.Reset();
  ASSERT_EQ(recorder.ends.size(), 1u);
  const BuilderEnd& end = recorder.ends[0];
  EXPECT_EQ(end.size, 100);
  EXPECT_EQ(end.high_water, 5010);
  EXPECT_EQ(end.capacity, 5056);
  EXPECT_EQ(end.reallocations, 1);
  const bool moved = recorder.growths[1].old_data != recorder.growths[1].new_data;
  EXPECT_EQ(end.bytes_copied, moved ? 1024 : 0);
}

TEST(BuilderEvents, FinishThatShrinksIsAReallocation) {
  const Label label = Label::Intern("test.shrink");
  Recorder recorder(label);
  for (const bool shrink_to_fit : {true, false}) {
    BufferBuilder builder = Labelled(label);
    ALKAID_ASSERT_OK(builder.SetReservation(6400));
    ALKAID_ASSERT_OK(builder.Append(100, uint8_t{1}));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto finished, builder.Finish(shrink_to_fit));
    EXPECT_EQ(finished->capacity(), shrink_to_fit ? 128 : 6400);
    EXPECT_EQ(recorder.ends.back().reallocations, shrink_to_fit ? 1 : 0);
    EXPECT_EQ(recorder.ends.back().capacity, 6400);
  }
  EXPECT_EQ(recorder.growths.size(), 2u);
}

TEST(BuilderEvents, BitsAreToldInTheBytesThatTheyTake) {
  const Label label = Label::Intern("test.bits");
  Recorder recorder(label);
  {
    const ScopedLabel scope(label);
    TypedBufferBuilder<bool> builder;
    for (int i = 0; i < 1000; ++i) ALKAID_ASSERT_OK(builder.Append(i % 2 == 0));
    builder.Reset();
    for (int i = 0; i < 80; ++i) ALKAID_ASSERT_OK(builder.Append(true));
    ALKAID_ASSERT_OK(builder.Finish().status());
    for (int i = 0; i < 8; ++i) ALKAID_ASSERT_OK(builder.Append(true));
  }
  std::vector<int64_t> marks;
  for (const BuilderEnd& end : recorder.ends) marks.push_back(end.high_water);
  EXPECT_EQ(marks, (std::vector<int64_t>{125, 10, 1}));
  EXPECT_EQ(recorder.growths[1].size, 64);
}

TEST(BuilderEvents, AdviceIsAskedAtTheFirstGrowthOnlyAndWhereNothingIsReserved) {
  const Label label = Label::Intern("test.advice");
  Recorder recorder(label);
  recorder.advice = 10000;
  BufferBuilder builder = Labelled(label);
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < 10000; ++i) ALKAID_ASSERT_OK(builder.Append("x"));
    EXPECT_EQ(builder.capacity(), 10048);
    EXPECT_EQ(recorder.asked, round);
    EXPECT_EQ(recorder.growths.size(), static_cast<size_t>(round));
    EXPECT_EQ(recorder.growths.back().reason, BuilderGrowthReason::kAdvised);
    builder.Reset();
  }
  ALKAID_ASSERT_OK(builder.SetReservation(128));
  ALKAID_ASSERT_OK(builder.Append("x"));
  EXPECT_EQ(builder.capacity(), 128);
  EXPECT_EQ(recorder.asked, 2);
  EXPECT_EQ(recorder.growths.back().reason, BuilderGrowthReason::kReserved);
}

TEST(BuilderEvents, TheLargestOfSeveralAdvicesCounts) {
  const Label label = Label::Intern("test.advices");
  Recorder low(label);
  Recorder high(label);
  Recorder none(label);
  low.advice = 1000;
  high.advice = 3000;
  none.advice = -5;
  BufferBuilder builder = Labelled(label);
  ALKAID_ASSERT_OK(builder.Append("x"));
  EXPECT_EQ(builder.capacity(), 3008);
}

TEST(BuilderEvents, AnObserverIsNotToldOfWhatItBuildsItself) {
  class Building : public BuilderObserver {
   public:
    void OnGrowth(const BuilderGrowth& growth) override {
      ++told;
      BufferBuilder own;
      own.SetLabel(growth.label);
      built = own.Append("x").ok();
    }
    int told = 0;
    bool built = false;
  };
  const Label label = Label::Intern("test.own");
  Recorder other(label);
  Building building;
  AddBuilderObserver(&building);
  BufferBuilder builder = Labelled(label);
  const Status appended = builder.Append("x");
  RemoveBuilderObserver(&building);
  ALKAID_ASSERT_OK(appended);
  EXPECT_TRUE(building.built);
  EXPECT_EQ(building.told, 1);
  EXPECT_EQ(other.growths.size(), 2u);
  EXPECT_EQ(other.ends.size(), 1u);
}

TEST(BuilderEvents, ContentsThatGiveAllTheirCapacityBackAreOver) {
  const Label label = Label::Intern("test.resize0");
  const Label next = Label::Intern("test.resize0.next");
  Recorder recorder(label);
  Recorder recorder_of_next(next);
  BufferBuilder builder = Labelled(label);
  ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{1}));
  ALKAID_ASSERT_OK(builder.Resize(0));
  ASSERT_EQ(recorder.ends.size(), 1u);
  EXPECT_EQ(recorder.ends[0].size, 0);
  EXPECT_EQ(recorder.ends[0].high_water, 1000);
  EXPECT_EQ(recorder.ends[0].capacity, 1024);
  builder.SetLabel(next);
  ALKAID_ASSERT_OK(builder.Append(10, uint8_t{1}));
  builder.Reset();
  EXPECT_EQ(recorder.ends.size(), 1u);
  ASSERT_EQ(recorder_of_next.ends.size(), 1u);
  EXPECT_EQ(recorder_of_next.ends[0].high_water, 10);
  EXPECT_EQ(recorder_of_next.ends[0].reallocations, 0);
}

TEST(BuilderEvents, FinishingWithAnotherLengthTellsWhatWasHeld) {
  const Label label = Label::Intern("test.length");
  Recorder recorder(label);
  BufferBuilder builder = Labelled(label);
  ALKAID_ASSERT_OK(builder.Append(100, uint8_t{1}));
  ALKAID_ASSERT_OK_AND_ASSIGN(auto finished, builder.FinishWithLength(5000));
  EXPECT_EQ(recorder.growths.back().reason, BuilderGrowthReason::kResized);
  EXPECT_EQ(recorder.growths.back().size, 100);
  EXPECT_EQ(recorder.ends.back().size, 5000);
  EXPECT_EQ(recorder.ends.back().high_water, 5000);
  ALKAID_ASSERT_OK(builder.Append(100, uint8_t{1}));
  ALKAID_ASSERT_OK_AND_ASSIGN(finished, builder.FinishWithLength(10));
  EXPECT_EQ(recorder.ends.back().size, 10);
  EXPECT_EQ(recorder.ends.back().high_water, 100);
  EXPECT_EQ(recorder.ends.back().capacity, 128);

  const ScopedLabel scope(label);
  TypedBufferBuilder<bool> bits;
  ALKAID_ASSERT_OK(bits.Append(int64_t{4000}, true));
  ALKAID_ASSERT_OK_AND_ASSIGN(finished, bits.FinishWithLength(8));
  EXPECT_EQ(recorder.ends.back().size, 1);
  EXPECT_EQ(recorder.ends.back().high_water, 500);
  EXPECT_EQ(recorder.ends.size(), 3u);
}

TEST(BuilderEvents, ARewoundBuilderTellsOnceOfAllThatItHeld) {
  const Label label = Label::Intern("test.rewound");
  Recorder recorder(label);
  {
    const ScopedLabel scope(label);
    TypedBufferBuilder<int64_t> builder;
    TypedBufferBuilder<bool> bits;
    for (const int count : {30, 500, 40}) {
      for (int i = 0; i < count; ++i) ALKAID_ASSERT_OK(builder.Append(i));
      for (int i = 0; i < count; ++i) ALKAID_ASSERT_OK(bits.Append(true));
      builder.Rewind(0);
      bits.Rewind(0);
    }
  }
  ASSERT_EQ(recorder.ends.size(), 2u);
  EXPECT_EQ(recorder.ends[0].high_water, 63);
  EXPECT_EQ(recorder.ends[1].high_water, 4000);
}

TEST(BuilderEvents, NothingIsToldAfterRemovalWhileOtherThreadsBuild) {
  class Removed : public BuilderObserver {
   public:
    void OnGrowth(const BuilderGrowth&) override {
      ++told;
      // Long enough for a removal to happen meanwhile.
      for (int i = 0; i < 20; ++i) std::this_thread::yield();
      if (gone) told_when_gone = true;
    }
    std::atomic<int> told{0};
    std::atomic<bool> gone{false}, told_when_gone{false};
  };
  std::atomic<bool> stop{false};
  std::atomic<int> built{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&stop, &built] {
      while (!stop) {
        BufferBuilder builder;
        if (!builder.Append("x").ok()) return;
        ++built;
      }
    });
  }
  for (int round = 0; round < 20; ++round) {
    Removed observer;
    AddBuilderObserver(&observer);
    while (observer.told == 0) std::this_thread::yield();
    RemoveBuilderObserver(&observer);
    observer.gone = true;
    // Enough that each thread has finished what it was building, and started again.
    const int enough = built + 6;
    while (built < enough) std::this_thread::yield();
    EXPECT_FALSE(observer.told_when_gone) << round;
    if (observer.told_when_gone) break;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer's work at the end of each function can hide which exception it was.
constexpr char kTerminated[] = "terminate called";
#else
constexpr char kTerminated[] = "terminate called.*an observer threw";
#endif

TEST(BuilderEventsDeathTest, AnExceptionThatLeavesAnObserverEndsTheProgram) {
  struct Throws : BuilderObserver {
    void OnGrowth(const BuilderGrowth&) override { throw std::runtime_error("an observer threw"); }
  };
  struct ThrowsAdvice : BuilderObserver {
    int64_t Advise(Label) override { throw std::runtime_error("an observer threw"); }
  };
  const auto build_with = [](BuilderObserver* observer) {
    AddBuilderObserver(observer);
    BufferBuilder builder;
    (void)builder.Append("x");
  };
  Throws growth;
  EXPECT_DEATH(build_with(&growth), kTerminated);
  ThrowsAdvice advice;
  EXPECT_DEATH(build_with(&advice), kTerminated);
}

}  // namespace
}  // namespace alkaid
