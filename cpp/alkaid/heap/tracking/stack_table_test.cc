#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/stack_table_internal.h"

namespace alkaid::heap {
namespace {

using Trace = std::vector<uint64_t>;

class StackTableTest : public ::testing::Test {
 protected:
  Trace FramesOf(uint32_t id) const {
    const auto frames = table_.Frames(id);
    return {frames.begin(), frames.end()};
  }
  // Found as a reader outside finds them.
  Trace FramesByLayout(uint32_t id) const {
    const char* const at = chunks_[id >> 16].load() + (id & 0xffff) * 16;
    const auto* const record = reinterpret_cast<const StackRecord*>(at);
    return {record->frames, record->frames + record->depth};
  }

  const std::unique_ptr<std::atomic<char*>[]> chunks_ =
      std::make_unique<std::atomic<char*>[]>(kChunks);
  static constexpr uint32_t kChunks = 8;
  std::atomic<uint32_t> chunk_count_{0};
  std::atomic<uint64_t> dropped_{0};
  StackTable table_{chunks_.get(), &chunk_count_, &dropped_, kChunks};
};

TEST_F(StackTableTest, TheSameStackTraceHasTheSameIdAndAnotherHasAnother) {
  const uint32_t one = table_.Intern(Trace{1, 2, 3});
  EXPECT_NE(one, 0u);
  EXPECT_EQ(table_.Intern(Trace{1, 2, 3}), one);
  for (const Trace& other : {Trace{1, 2}, Trace{1, 2, 3, 0}, Trace{3, 2, 1}, Trace{0}, Trace{1}}) {
    const uint32_t id = table_.Intern(other);
    EXPECT_NE(id, one);
    EXPECT_EQ(FramesOf(id), other);
  }
  EXPECT_EQ(FramesOf(one), (Trace{1, 2, 3}));
  EXPECT_EQ(table_.size(), 6u);
}

TEST_F(StackTableTest, NoFramesAreIdZero) {
  EXPECT_EQ(table_.Intern({}), 0u);
  EXPECT_TRUE(table_.Frames(0).empty());
}

TEST_F(StackTableTest, ManyOverSeveralChunksKeepTheirIdsAndFrames) {
  std::mt19937_64 random(2);
  std::map<uint32_t, Trace> all;
  for (int i = 0; i < 20'000; ++i) {
    Trace trace(1 + random() % 40);
    for (uint64_t& frame : trace) frame = 0x400000 + random() % 100'000;
    const uint32_t id = table_.Intern(trace);
    ASSERT_NE(id, 0u);
    all.emplace(id, std::move(trace));
  }
  EXPECT_GE(chunk_count_, 3u);
  for (const auto& [id, trace] : all) {
    ASSERT_EQ(table_.Intern(trace), id);
    ASSERT_EQ(FramesOf(id), trace);
    ASSERT_EQ(FramesByLayout(id), trace);
  }
}

TEST_F(StackTableTest, IsBoundedAndCountsWhatFindsNoPlace) {
  constexpr uint64_t kTraces = 60'000;  // of 264 bytes each: twice as many as there is room for
  std::map<uint64_t, uint32_t> kept;
  for (uint64_t i = 0; i < kTraces; ++i) {
    Trace trace(32, 0x400000);
    trace[7] = i;
    if (const uint32_t id = table_.Intern(trace)) kept.emplace(i, id);
  }
  EXPECT_EQ(chunk_count_, kChunks);
  EXPECT_EQ(table_.size(), kept.size());
  EXPECT_EQ(dropped_, kTraces - kept.size());
  EXPECT_GT(kept.size(), kChunks * StackTable::kChunkBytes / 300);
  // Known stack traces are found; no new one is added, however short.
  for (const auto& [number, id] : kept) {
    Trace trace(32, 0x400000);
    trace[7] = number;
    ASSERT_EQ(table_.Intern(trace), id);
  }
  EXPECT_EQ(table_.Intern(Trace{1}), 0u);
  EXPECT_EQ(dropped_, kTraces - kept.size() + 1);
}

TEST_F(StackTableTest, ThreadsThatInternTheSameGetTheSameIds) {
  constexpr int kTraces = 5'000;
  std::vector<std::vector<uint32_t>> ids(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < ids.size(); ++t) {
    threads.emplace_back([this, &mine = ids[t]] {
      for (uint64_t i = 0; i < kTraces; ++i) mine.push_back(table_.Intern(Trace{7, i, i * i}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : ids) EXPECT_EQ(mine, ids[0]);
  EXPECT_EQ(table_.size(), static_cast<uint64_t>(kTraces));
}

}  // namespace
}  // namespace alkaid::heap
