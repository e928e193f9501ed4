#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/record_table_internal.h"

namespace alkaid::heap {
namespace {

PutResult Put(BlockTable* table, uint64_t address, uint64_t size) {
  LiveBlock block = {};
  block.address = address;
  block.size = size;
  return table->Put(&block, [](uint32_t, const LiveBlock*) {});
}

bool Take(BlockTable* table, uint64_t address, uint64_t* size = nullptr) {
  LiveBlock block = {};
  const bool taken = table->Take(address, &block, [](uint32_t, const LiveBlock&) {});
  if (taken && size != nullptr) *size = block.size;
  return taken;
}

std::map<uint64_t, uint64_t> All(BlockTable* table) {
  std::map<uint64_t, uint64_t> all;
  table->ForEach([&](const LiveBlock& block) { all[block.address] = block.size; });
  return all;
}

std::unique_ptr<BlockTable> OpenTable() {
  auto table = std::make_unique<BlockTable>();
  EXPECT_TRUE(table->Open());
  return table;
}

// Counts records as a reader outside does, which knows only the layout.
uint64_t CountByLayout(const TableShard* shards, uint32_t shard_size) {
  uint64_t count = 0;
  const char* at = reinterpret_cast<const char*>(shards);
  for (uint32_t s = 0; s < BlockTable::kShards; ++s, at += shard_size) {
    const auto* const shard = reinterpret_cast<const TableShard*>(at);
    EXPECT_EQ(shard->sequence % 2, 0u);
    const RecordArray* const array = shard->array;
    if (array == nullptr) continue;
    uint64_t here = 0;
    const char* record = reinterpret_cast<const char*>(array) + array->header_size;
    for (uint64_t i = 0; i < array->capacity; ++i, record += sizeof(LiveBlock)) {
      here += reinterpret_cast<const LiveBlock*>(record)->address > kGivenBack;
    }
    EXPECT_EQ(here, shard->live);
    count += here;
  }
  return count;
}

TEST(RecordTable, HoldsWhatAMapHoldsThroughPutsTakesAndGrowth) {
  const auto table = OpenTable();
  std::map<uint64_t, uint64_t> model;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t address = 0x7f0000000000 + 16 * (random() % 30'000);
    if (random() % 5 < 3) {
      ASSERT_EQ(Put(table.get(), address, static_cast<uint64_t>(i)), PutResult::kPut);
      model[address] = static_cast<uint64_t>(i);
    } else {
      uint64_t size = 0;
      const auto known = model.find(address);
      ASSERT_EQ(Take(table.get(), address, &size), known != model.end());
      if (known != model.end()) {
        ASSERT_EQ(size, known->second);
        model.erase(known);
      }
    }
  }
  EXPECT_EQ(All(table.get()), model);
  EXPECT_EQ(table->live(), model.size());
  EXPECT_EQ(CountByLayout(table->shards(), BlockTable::kShardSize), model.size());
}

TEST(RecordTable, ARecordIsReplacedInPlaceAndTheOldOneIsShown) {
  const auto table = OpenTable();
  ASSERT_EQ(Put(table.get(), 4096, 1), PutResult::kPut);
  LiveBlock block = {};
  block.address = 4096;
  block.size = 2;
  uint64_t replaced_size = 0;
  const PutResult result = table->Put(&block, [&](uint32_t, const LiveBlock* replaced) {
    replaced_size = replaced->size;
    block.serial = 77;
  });
  EXPECT_EQ(result, PutResult::kPut);
  EXPECT_EQ(replaced_size, 1u);
  LiveBlock copy = {};
  ASSERT_TRUE(table->Get(4096, &copy));
  EXPECT_EQ(copy.address, 4096u);
  EXPECT_EQ(copy.size, 2u);
  EXPECT_EQ(copy.serial, 77u);
  EXPECT_EQ(table->live(), 1u);
}

TEST(RecordTable, WhatIsNotThereIsNotTaken) {
  const auto table = OpenTable();
  EXPECT_FALSE(Take(table.get(), 4096));
  ASSERT_EQ(Put(table.get(), 4096, 1), PutResult::kPut);
  EXPECT_FALSE(Take(table.get(), 4096 + 16));
  EXPECT_TRUE(Take(table.get(), 4096));
  EXPECT_FALSE(Take(table.get(), 4096));
}

TEST(RecordTable, AClosedTableIsEmptyAndTakesNothingInUntilItIsOpened) {
  const auto table = OpenTable();
  for (uint64_t i = 1; i <= 20'000; ++i) ASSERT_EQ(Put(table.get(), 64 * i, i), PutResult::kPut);
  table->Close();
  EXPECT_EQ(table->live(), 0u);
  EXPECT_TRUE(All(table.get()).empty());
  EXPECT_FALSE(Take(table.get(), 64));
  EXPECT_EQ(Put(table.get(), 64, 1), PutResult::kClosed);
  ASSERT_TRUE(table->Open());
  EXPECT_TRUE(All(table.get()).empty());
  EXPECT_EQ(Put(table.get(), 64, 1), PutResult::kPut);
}

// Blocks that are added and removed forever: their tombstones are used again, and the arrays do not
// grow.
TEST(RecordTable, ChurnDoesNotMakeItGrow) {
  const auto table = OpenTable();
  constexpr uint64_t kLive = 3'000;
  for (uint64_t i = 1; i <= kLive; ++i) ASSERT_EQ(Put(table.get(), 16 * i, i), PutResult::kPut);
  std::set<const RecordArray*> arrays;
  for (uint64_t i = 1; i <= 400'000; ++i) {
    ASSERT_TRUE(Take(table.get(), 16 * i));
    ASSERT_EQ(Put(table.get(), 16 * (i + kLive), i), PutResult::kPut);
    if (i % 100 == 0) {
      for (uint32_t s = 0; s < BlockTable::kShards; ++s) {
        const char* const at = reinterpret_cast<const char*>(table->shards());
        const RecordArray* const array =
            reinterpret_cast<const TableShard*>(at + s * BlockTable::kShardSize)->array;
        arrays.insert(array);
        ASSERT_LE(array->capacity, 256u);
      }
    }
  }
  EXPECT_EQ(table->live(), kLive);
  // For each shard at most two of the final size, and the smaller ones from before.
  EXPECT_LE(arrays.size(), 4 * BlockTable::kShards);
}

// Each thread looks for its own blocks while the others make the shards grow.
TEST(RecordTable, AThreadAlwaysFindsItsOwnBlocksWhileOthersGrowTheTable) {
  const auto table = OpenTable();
  std::atomic<int> missed{0};
  const auto work = [&](uint64_t thread) {
    std::mt19937_64 random(thread);
    std::vector<uint64_t> mine;
    for (int i = 0; i < 30'000; ++i) {
      const uint64_t address = (thread << 40) + 16 * static_cast<uint64_t>(i + 1);
      if (Put(table.get(), address, thread) != PutResult::kPut) ++missed;
      mine.push_back(address);
      if (mine.size() > 2'000 || random() % 3 == 0) {
        const size_t victim = random() % mine.size();
        uint64_t owner = 0;
        if (!Take(table.get(), mine[victim], &owner) || owner != thread) ++missed;
        mine[victim] = mine.back();
        mine.pop_back();
      }
    }
    for (const uint64_t address : mine) missed += !Take(table.get(), address);
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 4; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missed, 0);
  EXPECT_EQ(table->live(), 0u);
}

}  // namespace
}  // namespace alkaid::heap
