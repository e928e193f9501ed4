#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "alkaid/heap/tracking/pending_moves_internal.h"

namespace alkaid::heap {
namespace {

class PendingMovesTest : public ::testing::Test {
 protected:
  bool Add(uint64_t address, uint64_t size) {
    LiveBlock block = {};
    block.address = address;
    block.size = size;
    return moves_->Add(block);
  }
  // The size of the block that was kept; -1 if there is none.
  int64_t Remove(uint64_t address) {
    PendingMove* const move = moves_->Find(address);
    if (move == nullptr) return -1;
    const auto size = static_cast<int64_t>(move->block.size);
    moves_->Remove(move);
    return size;
  }

  std::atomic<uint64_t> moving_{0};
  const std::unique_ptr<PendingMoves> moves_ = std::make_unique<PendingMoves>(&moving_);
};

TEST_F(PendingMovesTest, WhatWasKeptIsGivenBackOnceAndCountedInBetween) {
  EXPECT_EQ(Remove(64), -1);
  ASSERT_TRUE(Add(64, 5));
  EXPECT_EQ(moving_, 1u);
  EXPECT_TRUE(PendingMoves::IsInnermost(64));
  EXPECT_EQ(Remove(64), 5);
  EXPECT_EQ(moving_, 0u);
  EXPECT_FALSE(PendingMoves::IsInnermost(64));
  EXPECT_EQ(Remove(64), -1);
}

TEST_F(PendingMovesTest, WhatIsFoundIsThereForAllReadersUntilItIsRemoved) {
  ASSERT_TRUE(Add(64, 5));
  const auto sizes = [this] {
    uint64_t sum = 0;
    moves_->ForEach([&](const LiveBlock& block) { sum += block.size; });
    return sum;
  };
  PendingMove* const move = moves_->Find(64);
  ASSERT_NE(move, nullptr);
  EXPECT_EQ(moving_, 1u);
  EXPECT_EQ(sizes(), 5u);
  EXPECT_EQ(moves_->ended(), 0u);
  moves_->Remove(move);
  EXPECT_EQ(moving_, 0u);
  EXPECT_EQ(sizes(), 0u);
  EXPECT_EQ(moves_->ended(), 1u);
}

TEST_F(PendingMovesTest, WhatIsAbandonedOnceItWasFoundCountsOnlyOnce) {
  ASSERT_TRUE(Add(64, 5));
  ASSERT_TRUE(Add(128, 6));
  PendingMove* const move = moves_->Find(64);
  moves_->AbandonAll();
  EXPECT_EQ(moving_, 0u);
  moves_->Remove(move);
  EXPECT_EQ(moving_, 0u);
  EXPECT_EQ(Remove(128), -1);
}

TEST_F(PendingMovesTest, ReallocationsInsideOneAnotherAreKeptApart) {
  ASSERT_TRUE(Add(64, 1));
  ASSERT_TRUE(Add(128, 2));
  EXPECT_TRUE(PendingMoves::IsInnermost(128));
  EXPECT_EQ(Remove(64), 1);
  EXPECT_EQ(Remove(128), 2);
}

TEST_F(PendingMovesTest, AnotherThreadsAreNotFound) {
  ASSERT_TRUE(Add(64, 1));
  std::thread([this] { EXPECT_EQ(Remove(64), -1); }).join();
  EXPECT_EQ(Remove(64), 1);
}

TEST_F(PendingMovesTest, WhatWasAbandonedIsGoneAndItsEntriesServeAgain) {
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 1; i <= PendingMoves::kMoves; ++i) ASSERT_TRUE(Add(64 * i, i));
    EXPECT_FALSE(Add(8, 8));
    EXPECT_EQ(moving_, PendingMoves::kMoves);
    moves_->AbandonAll();
    EXPECT_EQ(moving_, 0u);
    EXPECT_FALSE(PendingMoves::IsInnermost(64 * PendingMoves::kMoves));
    EXPECT_EQ(Remove(64), -1);
  }
}

TEST_F(PendingMovesTest, AForkedChildKeepsOnlyItsOwn) {
  std::thread([this] { ASSERT_TRUE(Add(64, 1)); }).join();
  ASSERT_TRUE(Add(128, 2));
  EXPECT_EQ(moving_, 2u);
  moves_->ForgetOtherThreads();
  EXPECT_EQ(moving_, 1u);
  EXPECT_EQ(Remove(128), 2);
  // The other thread's entry is free again, so all are.
  for (uint32_t i = 1; i <= PendingMoves::kMoves; ++i) ASSERT_TRUE(Add(64 * i, i));
  moves_->AbandonAll();
  EXPECT_EQ(Remove(64), -1);
}

TEST_F(PendingMovesTest, WhatIsKeptForAnotherThreadIsFoundByIt) {
  LiveBlock block = {};
  block.address = 64;
  block.size = 5;
  std::atomic<uint32_t> id{0};
  std::atomic<bool> kept{false};
  std::thread other([&] {
    id = ThreadId();
    while (!kept) std::this_thread::yield();
    EXPECT_EQ(Remove(128), -1);
    EXPECT_EQ(Remove(64), 5);
    EXPECT_EQ(Remove(64), -1);
  });
  while (id == 0) std::this_thread::yield();
  moves_->Lock();
  ASSERT_TRUE(moves_->AddFor(id, block));
  moves_->Unlock();
  EXPECT_TRUE(moves_->MayHaveOwn());
  EXPECT_EQ(Remove(64), -1);  // belongs to another thread
  EXPECT_EQ(moving_, 1u);
  kept = true;
  other.join();
  EXPECT_EQ(moving_, 0u);
  EXPECT_FALSE(moves_->MayHaveOwn());
}

TEST_F(PendingMovesTest, WhatIsKeptForAnotherThreadCanBeTakenInItsName) {
  LiveBlock block = {};
  block.address = 64;
  block.size = 5;
  moves_->Lock();
  ASSERT_TRUE(moves_->AddFor(1234, block));
  LiveBlock taken = {};
  EXPECT_FALSE(moves_->TakeFor(1234, 65, &taken));
  EXPECT_FALSE(moves_->TakeFor(1235, 64, &taken));
  EXPECT_TRUE(moves_->TakeFor(1234, 64, &taken));
  EXPECT_EQ(taken.size, 5u);
  EXPECT_FALSE(moves_->TakeFor(1234, 64, &taken));
  moves_->Unlock();
  EXPECT_EQ(moving_, 0u);
  EXPECT_FALSE(moves_->MayHaveOwn());
}

TEST_F(PendingMovesTest, WhatIsTakenWithoutTheLockCountsUntilThatIsTold) {
  ASSERT_TRUE(Add(64, 5));
  LiveBlock taken = {};
  EXPECT_FALSE(PendingMoves::TakeUnlocked(65, &taken));
  EXPECT_TRUE(PendingMoves::TakeUnlocked(64, &taken));
  EXPECT_EQ(taken.size, 5u);
  EXPECT_FALSE(PendingMoves::TakeUnlocked(64, &taken));
  EXPECT_EQ(moving_, 1u);
  moves_->DidTakeUnlocked();
  EXPECT_EQ(moving_, 0u);
  EXPECT_EQ(Remove(64), -1);
}

}  // namespace
}  // namespace alkaid::heap
