#include <gtest/gtest.h>

#include <vector>

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {
namespace {

constexpr int64_t kQuarantine = GuardedSlotList::kQuarantine;
constexpr uint32_t kNone = GuardedSlotList::kNone;

TEST(GuardedSlotList, GivesSlotsThatWereNeverUsedFirst) {
  std::vector<GuardedSlot> slots(3);
  GuardedSlotList list;
  EXPECT_EQ(list.Take(slots.data(), 3, 0), 0U);
  list.GiveBack(slots.data(), 0, 0);
  EXPECT_EQ(list.Take(slots.data(), 3, 100 * kQuarantine), 1U);
  EXPECT_EQ(list.Take(slots.data(), 3, 100 * kQuarantine), 2U);
  EXPECT_EQ(list.Take(slots.data(), 3, 100 * kQuarantine), 0U);
  EXPECT_EQ(list.Take(slots.data(), 3, 100 * kQuarantine), kNone);
}

TEST(GuardedSlotList, KeepsWhatWasFreedForItsQuarantineAndGivesTheOldestFirst) {
  std::vector<GuardedSlot> slots(2);
  GuardedSlotList list;
  list.Take(slots.data(), 2, 0);
  list.Take(slots.data(), 2, 0);
  list.GiveBack(slots.data(), 1, 5);
  list.GiveBack(slots.data(), 0, 7);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine + 4), kNone);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine + 5), 1U);
  EXPECT_EQ(list.Take(slots.data(), 2, 2 * kQuarantine), 0U);
}

TEST(GuardedSlotList, UsesSlotsAgainAtEqualDistances) {
  std::vector<GuardedSlot> slots(2);
  GuardedSlotList list;
  for (int i = 0; i < 2; ++i) list.Take(slots.data(), 2, 0);
  for (uint32_t i = 0; i < 2; ++i) list.GiveBack(slots.data(), i, 0);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine), 0U);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine * 3 / 2 - 1), kNone);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine * 3 / 2), 1U);
}

TEST(GuardedSlotList, OneThatWasNotUsedIsTheNextAgain) {
  std::vector<GuardedSlot> slots(2);
  GuardedSlotList list;
  list.Take(slots.data(), 2, 0);
  list.Take(slots.data(), 2, 0);
  list.GiveBack(slots.data(), 0, 0);
  list.PutBack(slots.data(), 1);
  EXPECT_EQ(list.Take(slots.data(), 2, 1), 1U);
  EXPECT_EQ(list.Take(slots.data(), 2, 1), kNone);
  list.PutBack(slots.data(), 1);
  EXPECT_EQ(list.Take(slots.data(), 2, kQuarantine), 1U);
  EXPECT_EQ(list.Take(slots.data(), 2, 2 * kQuarantine), 0U);
}

// What follows uses the process's own slots, as pools do.

const GuardedOwner& NoPool() {
  static const GuardedOwner owner(nullptr, "nothing", GuardedAccount::kOther);
  return owner;
}

void FreeOne(uint8_t* block, int64_t size, int64_t alignment = 64) {
  FreeGuarded({block, NoPool(), size, alignment});
}

bool IsFilled(const uint8_t* data, int64_t size, uint8_t value) {
  for (int64_t i = 0; i < size; ++i) {
    if (data[i] != value) return false;
  }
  return true;
}

TEST(GuardedSlots, BlocksOfEverySizeAndAlignmentAreAlignedAndHoldTheirBytes) {
  GuardedRegion();
  for (int64_t alignment = 1; alignment <= kMaxBufferAlignment; alignment *= 8) {
    for (const int64_t size : {int64_t{1}, int64_t{63}, int64_t{4096}, int64_t{4097},
                               int64_t{100'000}, int64_t{5'000'000}}) {
      for (int turn = 0; turn < 2; ++turn) {
        uint8_t* const block = AllocateGuarded(size, alignment, NoPool());
        ASSERT_NE(block, nullptr);
        EXPECT_TRUE(IsGuardedAddress(block) && IsGuardedAddress(block + size - 1));
        EXPECT_EQ(reinterpret_cast<uint64_t>(block) % static_cast<uint64_t>(alignment), 0U);
        std::fill(block, block + size, uint8_t{7});
        CheckGuarded({block, NoPool(), size, alignment});
        EXPECT_TRUE(IsFilled(block, size, 7));
        FreeOne(block, size, alignment);
      }
    }
  }
}

TEST(GuardedSlots, BlocksStandAtTheEndOfTheirPagesAndAtTheStartByTurns) {
  GuardedRegion();
  uint8_t* const one = AllocateGuarded(64, 64, NoPool());
  uint8_t* const other = AllocateGuarded(64, 64, NoPool());
  ASSERT_TRUE(one != nullptr && other != nullptr);
  const auto in_page = [](const uint8_t* block) {
    return reinterpret_cast<uint64_t>(block) % 4096;
  };
  EXPECT_EQ(in_page(one) + in_page(other), 4032U);
  EXPECT_NE(in_page(one), in_page(other));
  FreeOne(one, 64);
  FreeOne(other, 64);
}

TEST(GuardedSlots, ABlockThatShrinksStaysWhereItIs) {
  GuardedRegion();
  for (int turn = 0; turn < 2; ++turn) {
    uint8_t* const block = AllocateGuarded(20'000, 64, NoPool());
    ASSERT_NE(block, nullptr);
    std::fill(block, block + 20'000, uint8_t{9});
    ShrinkGuarded({block, NoPool(), 20'000, 64}, 5000);
    EXPECT_TRUE(IsFilled(block, 5000, 9));
    ShrinkGuarded({block, NoPool(), 5000, 64}, 1);
    EXPECT_EQ(block[0], 9);
    FreeOne(block, 1);
  }
}

TEST(GuardedSlots, ThereAreSoManyAndNoMore) {
  GuardedRegion();
  const GuardedStatistics before = GetGuardedStatistics();
  constexpr int64_t kSize = 40'000;
  std::vector<uint8_t*> blocks;
  while (uint8_t* const block = AllocateGuarded(kSize, 64, NoPool())) {
    ASSERT_LT(blocks.size(), kGuardedSlotSizes[2].count);
    blocks.push_back(block);
  }
  EXPECT_FALSE(blocks.empty());
  GuardedStatistics now = GetGuardedStatistics();
  const auto count = static_cast<int64_t>(blocks.size());
  EXPECT_EQ(now.live_blocks - before.live_blocks, count);
  EXPECT_EQ(now.live_bytes - before.live_bytes, kSize * count);
  EXPECT_EQ(now.total_blocks - before.total_blocks, count);
  EXPECT_EQ(now.passed_over - before.passed_over, 1);
  for (uint8_t* const block : blocks) FreeOne(block, kSize);
  now = GetGuardedStatistics();
  EXPECT_EQ(now.live_blocks, before.live_blocks);
  EXPECT_EQ(now.live_bytes, before.live_bytes);
}

TEST(GuardedSlots, AreNoneForBlocksBeyondTheLargest) {
  GuardedRegion();
  EXPECT_EQ(AllocateGuarded(GuardedStatistics::kMaxSize + 1, 64, NoPool()), nullptr);
  uint8_t* const largest = AllocateGuarded(GuardedStatistics::kMaxSize, 64, NoPool());
  ASSERT_NE(largest, nullptr);
  largest[GuardedStatistics::kMaxSize - 1] = 1;
  FreeOne(largest, GuardedStatistics::kMaxSize);
}

}  // namespace
}  // namespace alkaid::internal
