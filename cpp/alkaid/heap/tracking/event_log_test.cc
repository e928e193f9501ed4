#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/event_log_internal.h"

namespace alkaid::heap {
namespace {

TEST(EventLog, GivesEachThreadAnEntryOfItsOwnAndNoMoreThanThereAre) {
  const auto log = std::make_unique<EventLog>();
  EXPECT_EQ(log->Claim(), nullptr);  // before Open
  ASSERT_TRUE(log->Open());
  constexpr int kThreads = 4;
  std::vector<std::set<LoggedEvent*>> claimed(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      while (LoggedEvent* const logged = log->Claim()) {
        logged->event = {.kind = HeapEvent::kFreed, .address = static_cast<uint64_t>(t)};
        EventLog::Commit(logged);
        claimed[static_cast<size_t>(t)].insert(logged);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log->size(), EventLog::kEvents);
  std::set<LoggedEvent*> all;
  uint64_t sum = 0;
  for (const auto& own : claimed) {
    sum += own.size();
    all.insert(own.begin(), own.end());
  }
  EXPECT_EQ(sum, EventLog::kEvents);
  EXPECT_EQ(all.size(), EventLog::kEvents);
  for (uint64_t i = 0; i < EventLog::kEvents; ++i) ASSERT_EQ(all.count(log->At(i)), 1u) << i;
}

TEST(EventLog, LiesInOnePageWithEachEvent) {
  const auto log = std::make_unique<EventLog>();
  ASSERT_TRUE(log->Open());
  for (int i = 0; i < 100; ++i) {
    const auto first = reinterpret_cast<uint64_t>(log->Claim());
    EXPECT_EQ(first / 4096, (first + sizeof(LoggedEvent) - 1) / 4096);
  }
}

TEST(EventLog, HasNothingOfWhatWasClaimedAndNotCommittedNorOfWhatWasCleared) {
  const auto log = std::make_unique<EventLog>();
  ASSERT_TRUE(log->Open());
  // The second count is more events than the kept pages have room for.
  for (const uint64_t count : {uint64_t{3}, EventLog::kEvents}) {
    LoggedEvent* const first = log->Claim();
    for (uint64_t i = 1; i < count; ++i) EventLog::Commit(log->Claim());
    EXPECT_EQ(log->size(), count);
    EXPECT_EQ(log->At(0), nullptr);
    EXPECT_NE(log->At(count - 1), nullptr);
    EventLog::Commit(first);
    EXPECT_EQ(log->At(0), first);
    log->Clear();
    EXPECT_EQ(log->size(), 0u);
    for (uint64_t i = 0; i < count; ++i) ASSERT_EQ(log->At(i), nullptr) << i;
  }
}

}  // namespace
}  // namespace alkaid::heap
