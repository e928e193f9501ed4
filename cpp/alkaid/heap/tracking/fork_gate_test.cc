#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/fork_gate_internal.h"

namespace alkaid::heap {
namespace {

using Way = ForkGate::Way;

TEST(ForkGate, LeadsToTheTablesWhileOpenAndToTheLogWhileClosed) {
  ForkGate gate;
  EXPECT_TRUE(gate.IsOpen());
  EXPECT_EQ(gate.Enter(), Way::kTables);
  gate.Leave(Way::kTables);
  gate.Close();
  EXPECT_FALSE(gate.IsOpen());
  std::thread([&] {
    EXPECT_EQ(gate.Enter(), Way::kLog);
    gate.Leave(Way::kLog);
  }).join();
  gate.BeginToOpen();
  // The events that applying the log causes may pass.
  EXPECT_EQ(gate.Enter(), Way::kTables);
  gate.Leave(Way::kTables);
  gate.Open();
  EXPECT_EQ(gate.Enter(), Way::kTables);
  gate.Leave(Way::kTables);
}

// Each thread is on one of the two ways, and never at the tables while the gate is closed.
TEST(ForkGate, NobodyIsInsideOnceItIsClosedNorWritesOnceItBeginsToOpen) {
  ForkGate gate;
  std::atomic<bool> stop{false};
  std::atomic<int> at_tables{0};
  std::atomic<int> at_log{0};
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const Way way = gate.Enter();
        std::atomic<int>& here = way == Way::kTables ? at_tables : at_log;
        ++here;
        if (way == Way::kTables) {  // nested, as in a signal handler
          EXPECT_EQ(gate.Enter(), Way::kTables);
          gate.Leave(Way::kTables);
        }
        --here;
        gate.Leave(way);
        ++passed;
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    gate.Close();
    const int before = passed;
    EXPECT_EQ(at_tables, 0);
    while (passed < before + 3) std::this_thread::yield();  // the threads go on meanwhile
    EXPECT_EQ(at_tables, 0);
    gate.BeginToOpen();
    EXPECT_EQ(at_tables, 0);
    EXPECT_EQ(at_log, 0);
    gate.Open();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(ForkGate, IsOpenInAChildWhateverOthersWereDoing) {
  ForkGate gate;
  std::atomic<int> step{0};
  std::thread inside([&] {
    const Way way = gate.Enter();
    step = 1;
    while (step != 2) std::this_thread::yield();
    gate.Leave(way);
  });
  while (step != 1) std::this_thread::yield();
  // As in the memory of a child, which does not have that thread.
  gate.BeginToOpenInChild();
  gate.Open();
  gate.Close();  // does not wait for it
  gate.BeginToOpenInChild();
  gate.Open();
  step = 2;
  inside.join();
}

}  // namespace
}  // namespace alkaid::heap
