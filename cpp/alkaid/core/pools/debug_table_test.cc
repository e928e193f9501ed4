#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/debug_table_internal.h"

namespace alkaid::internal {
namespace {

using State = DebugRecord::State;

constexpr int kPlace = 256;  // bytes from one block to the next

// Addresses of blocks and pools; nothing is read there.
uint8_t* Place(int i) { return reinterpret_cast<uint8_t*>(uintptr_t{0x10000} + i * kPlace); }
MemoryPool* PoolAt(int i) { return reinterpret_cast<MemoryPool*>(uintptr_t{0x1000} + i * 8); }

DebugBlock BlockAt(int place, int64_t size = 100) {
  DebugBlock block;
  block.taken = {Place(place), size + 128, 64};
  block.data = Place(place) + 64;
  block.size = size;
  block.end = Place(place) + size + 128;
  return block;
}

// Never destroyed, since nothing gives records back.
DebugTable* NewTable() {
  static auto* const tables = new std::vector<DebugTable*>;
  return tables->emplace_back(new DebugTable);
}

// A table with some pools.
struct Pools {
  explicit Pools(int count) : pools(count) {
    for (int i = 0; i < count; ++i) {
      pools[i].pool = PoolAt(i);
      table->AddPool(&pools[i]);
    }
  }

  void Enter(int pool, int place) { table->Enter(State::kLive, &pools[pool], BlockAt(place)); }
  void Free(int pool, int place) {
    DebugRecord* const record = Find(pool, place);
    DebugTable::Leave(record);
    record->block.is_filled = true;
    table->Wait(&pools[pool], record);
  }
  void GiveBack(int pool) { table->Remember(&pools[pool], table->FirstWaiting(pools[pool])); }
  DebugRecord* Find(int pool, int place) {
    return table->FindBlock(pools[pool], BlockAt(place).data);
  }

  // Everything that can be found in the table, as text.
  std::string Listed() {
    std::string text;
    for (const DebugPool& pool : pools) {
      if (table->FindPool(pool.pool) == nullptr) continue;
      text += "pool, waiting " + std::to_string(pool.freed) + " " +
              std::to_string(pool.freed_bytes) + "\n";
      const DebugRecord* record = table->FirstBlock(pool);
      for (; record != nullptr; record = table->NextBlock(*record)) {
        text += std::to_string(record->block.data - Place(0)) + " " +
                std::to_string(static_cast<int>(record->state.load())) + "\n";
      }
      if (const DebugRecord* const first = table->FirstWaiting(pool)) {
        text += "first " + std::to_string(first->block.data - Place(0)) + "\n";
      }
    }
    for (int place = 0; place < 300; ++place) {
      const void* const data = BlockAt(place).data;
      if (const DebugRecord* const held = table->FindHeld(*PoolAt(1000), data)) {
        text += "held " + std::to_string(place) + " " + std::to_string(held->block.size) + "\n";
      }
      if (const DebugRecord* const any = table->FindAnywhere(data)) {
        text += "any " + std::to_string(place) + " " +
                std::to_string(static_cast<int>(any->state.load())) + "\n";
      }
    }
    return text;
  }

  DebugTable* const table = NewTable();
  std::deque<DebugPool> pools;
};

TEST(DebugTable, FindsTheLatestBlockOfAnAddress) {
  Pools all(2);
  const void* const data = BlockAt(1).data;
  EXPECT_EQ(all.table->FindAnywhere(data), nullptr);
  all.Enter(0, 1);
  all.Free(0, 1);
  all.GiveBack(0);
  EXPECT_EQ(all.table->FindAnywhere(data)->state, State::kPast);
  DebugRecord* const held = all.table->Enter(State::kHeld, PoolAt(1000), BlockAt(1));
  EXPECT_EQ(all.table->FindAnywhere(data), held);
  all.Enter(1, 1);
  EXPECT_EQ(all.table->FindAnywhere(data), all.Find(1, 1));
  all.Free(1, 1);
  EXPECT_EQ(all.table->FindAnywhere(data), all.Find(1, 1));
  all.GiveBack(1);
  EXPECT_EQ(all.table->FindAnywhere(data), held);
}

TEST(DebugTable, ForgetsWhatWasWhereABlockIsNow) {
  for (const State state : {State::kLive, State::kHeld}) {
    Pools all(1);
    for (const int place : {1, 2, 3, 4}) {
      all.Enter(0, place);
      all.Free(0, place);
      all.GiveBack(0);
    }
    // Overlaps the second and the third.
    const void* const owner = state == State::kLive ? static_cast<void*>(&all.pools[0]) : PoolAt(9);
    DebugRecord* const record = all.table->Enter(state, owner, BlockAt(2, kPlace));
    ASSERT_NE(record, nullptr);
    all.table->Forget(record);
    EXPECT_NE(all.table->FindAnywhere(BlockAt(1).data), nullptr);
    EXPECT_EQ(all.table->FindAnywhere(BlockAt(2).data), nullptr);
    EXPECT_EQ(all.table->FindAnywhere(BlockAt(3).data), nullptr);
    EXPECT_NE(all.table->FindAnywhere(BlockAt(4).data), nullptr);
  }
}

TEST(DebugTable, RemembersTheLastBlocksThatLeft) {
  Pools all(1);
  for (int i = 0; i < DebugTable::kMaxPast + 10; ++i) {
    all.Enter(0, i);
    all.Free(0, i);
    all.GiveBack(0);
  }
  for (const int gone : {0, 9}) EXPECT_EQ(all.table->FindAnywhere(BlockAt(gone).data), nullptr);
  for (const int known : {10, DebugTable::kMaxPast + 9}) {
    EXPECT_NE(all.table->FindAnywhere(BlockAt(known).data), nullptr);
  }
}

TEST(DebugTable, FindsOverlapsOfOneOwnerOnly) {
  Pools all(2);
  all.Enter(0, 2);
  const auto overlap = [&](int pool, int place, int64_t size) {
    return all.table->FindOverlap(State::kLive, &all.pools[pool], BlockAt(place, size));
  };
  EXPECT_EQ(overlap(0, 1, kPlace - 128), nullptr);
  EXPECT_EQ(overlap(0, 1, kPlace - 127), all.Find(0, 2));
  EXPECT_EQ(overlap(0, 2, 1), all.Find(0, 2));
  EXPECT_EQ(overlap(0, 3, 100), nullptr);
  EXPECT_EQ(overlap(1, 2, 100), nullptr);
}

TEST(DebugTable, FindsAPoolAmongThoseThatAreThere) {
  Pools all(100);
  for (int i = 0; i < 100; i += 2) all.table->RemovePool(&all.pools[i]);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(all.table->FindPool(PoolAt(i)), i % 2 == 1 ? &all.pools[i] : nullptr);
  EXPECT_EQ(all.table->FindPool(PoolAt(100)), nullptr);
}

// One of many changes, to places that each have their own pool.
void Change(Pools* all, std::mt19937* random, int first_place, int places) {
  const int place = first_place + static_cast<int>((*random)() % places);
  const int pool = place % static_cast<int>(all->pools.size());
  const DebugRecord* const record = all->Find(pool, place);
  if (record == nullptr) {
    all->Enter(pool, place);
  } else if (record->state == State::kLive) {
    all->Free(pool, place);
  } else {
    all->GiveBack(pool);
  }
  if (DebugRecord* const held = all->table->FindHeld(*PoolAt(1000), BlockAt(place).data)) {
    all->table->Forget(held);
  } else {
    all->table->Enter(State::kHeld, PoolAt(1000), BlockAt(place, 64));
  }
}

TEST(DebugTable, IsWhatItWasWhenItIsMadeAnew) {
  Pools all(7);
  std::mt19937 random(1);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 300; ++i) Change(&all, &random, 0, 200);
    if (round == 20) {
      all.table->RemovePool(&all.pools[6]);
      all.pools.pop_back();
    }
    const std::string before = all.Listed();
    all.table->Rebuild();
    ASSERT_EQ(all.Listed(), before);
  }
}

// In a child whose parent's threads were changing places of their own: what this thread entered
// before is unchanged, and everything can be changed.
bool IsWhole(Pools* all, const std::vector<State>& expected) {
  alarm(20);
  all->table->GoOnInChild();
  const std::lock_guard guard(*all->table);
  for (int place = 0; place < static_cast<int>(expected.size()); ++place) {
    const DebugRecord* const record = all->Find(place % 3, place);
    if (record == nullptr || record->state != expected[place]) return false;
  }
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) Change(all, &random, 100, 100);
  for (DebugPool& pool : all->pools) {
    int64_t waiting = 0;
    const DebugRecord* record = all->table->FirstBlock(pool);
    for (; record != nullptr; record = all->table->NextBlock(*record)) {
      if (record->state == State::kFreed) ++waiting;
    }
    if (waiting != pool.freed) return false;
    all->table->RemovePool(&pool);
    if (all->table->FirstBlock(pool) != nullptr) return false;
  }
  return true;
}

TEST(DebugTable, AChildHasEachBlockAsItWasThoughThreadsOfItsParentWereChangingOthers) {
  Pools all(3);
  std::vector<State> expected;
  for (int place = 0; place < 90; ++place) {
    all.Enter(place % 3, place);
    if (place % 2 == 0) all.Free(place % 3, place);
    expected.push_back(place % 2 == 0 ? State::kFreed : State::kLive);
  }
  const auto fork_one = [&] {
    all.table->Prepare();
    const pid_t child = fork();
    if (child == 0) _exit(IsWhole(&all, expected) ? 0 : 1);
    all.table->GoOnInParent();
    int status = -1;
    waitpid(child, &status, 0);
    return status;
  };
  {
    // The lock is certainly held.
    std::barrier step(2);
    std::thread holder([&] {
      const std::lock_guard guard(*all.table);
      step.arrive_and_wait();
      step.arrive_and_wait();
    });
    step.arrive_and_wait();
    EXPECT_EQ(fork_one(), 0);
    step.arrive_and_wait();
    holder.join();
  }
  // Most of the time, in the middle of a change.
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const int place = 100 + 100 * t;
      while (!done) {
        for (int i = 0; i < 100; ++i) {
          const std::lock_guard guard(*all.table);
          all.Enter(t, place + i);
          all.table->Enter(State::kHeld, PoolAt(1000), BlockAt(place + i, 64));
        }
        for (int i = 0; i < 100; ++i) {
          const std::lock_guard guard(*all.table);
          all.table->Forget(all.Find(t, place + i));
          all.table->Forget(all.table->FindHeld(*PoolAt(1000), BlockAt(place + i).data));
        }
      }
    });
  }
  int status = 0;
  for (int i = 0; i < 200 && status == 0; ++i) status = fork_one();
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace alkaid::internal
