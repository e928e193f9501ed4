#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "alkaid/heap/tracking/label_totals_internal.h"

namespace alkaid::heap {
namespace {

LiveBlock* Fill(LiveBlock* block, uint32_t label, uint64_t size, uint64_t weight) {
  block->label = label;
  block->size = size;
  block->weight = weight;
  return block;
}

LabelTotals::Sums SumsOf(const LabelTotals& totals, uint32_t label) {
  std::vector<LabelTotals::Sums> sums(label + 1);
  for (uint32_t s = 0; s < BlockTable::kShards; ++s) totals.AddTo(s, sums.data(), label + 1);
  return sums[label];
}

TEST(LabelTotals, AddUpOverShardsForEachLabelApart) {
  const auto totals = std::make_unique<LabelTotals>();
  LiveBlock block = {};
  for (const uint32_t shard : {0u, 5u, 63u}) {
    totals->AddLive(shard, *Fill(&block, 3, 100, 100));
    totals->AddTotal(shard, block, 100);
  }
  totals->RemoveLive(5, block);
  totals->AddLive(0, *Fill(&block, 65'535, 7, 7));
  EXPECT_EQ(SumsOf(*totals, 3).live_bytes, 200);
  EXPECT_EQ(SumsOf(*totals, 3).live_parts, 2 * LabelTotals::kPartsOfBlock);
  EXPECT_EQ(SumsOf(*totals, 3).total_bytes, 300);
  EXPECT_EQ(SumsOf(*totals, 3).total_parts, 3 * LabelTotals::kPartsOfBlock);
  EXPECT_EQ(SumsOf(*totals, 65'535).live_bytes, 7);
  EXPECT_TRUE(SumsOf(*totals, 4).empty());
}

TEST(LabelTotals, ASampledBlockCountsForWhatItStandsFor) {
  const auto totals = std::make_unique<LabelTotals>();
  LiveBlock block = {};
  totals->AddLive(1, *Fill(&block, 2, 100, 250));
  totals->AddTotal(1, block, 50);  // it grew from 50 to 100
  EXPECT_EQ(SumsOf(*totals, 2).live_bytes, 250);
  EXPECT_EQ(SumsOf(*totals, 2).live_parts, 5 * LabelTotals::kPartsOfBlock / 2);
  EXPECT_EQ(SumsOf(*totals, 2).total_bytes, 125);
  totals->RemoveLive(1, block);
  EXPECT_EQ(SumsOf(*totals, 2).live_bytes, 0);
  EXPECT_EQ(SumsOf(*totals, 2).live_parts, 0);
}

TEST(LabelTotals, ABlockOfNoBytesIsABlock) {
  const auto totals = std::make_unique<LabelTotals>();
  LiveBlock block = {};
  totals->AddLive(1, *Fill(&block, 2, 0, 0));
  EXPECT_EQ(SumsOf(*totals, 2).live_parts, LabelTotals::kPartsOfBlock);
}

TEST(LabelTotals, AreNothingOnceCleared) {
  const auto totals = std::make_unique<LabelTotals>();
  LiveBlock block = {};
  totals->AddLive(9, *Fill(&block, 2, 10, 10));
  totals->AddTotal(9, block, 10);
  totals->Clear(9);
  EXPECT_TRUE(SumsOf(*totals, 2).empty());
}

}  // namespace
}  // namespace alkaid::heap
