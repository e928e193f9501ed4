// Runs a case and its floor in turns, and reports the time of a turn.
//
// A case of one thread is timed by the thread's processor time, so that a busy machine does not
// matter, unless other threads work for it. A case of several threads is timed by the clock, since
// processor time would hide threads that wait for each other. Only turns count that ran at the same
// time on all threads, and in which no thread lost its processor; on a machine too busy there may
// be none.
//
// Threads: one Turns is shared by the threads of its case. Out of memory: std::bad_alloc.
#pragma once

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "benchmark_program.h"

namespace alkaid::bench {

// Lets threads start together. They spin, since a sleeping thread would wake up in the middle of
// the other's turn.
class StartingLine {
 public:
  explicit StartingLine(int threads) : threads_(threads) {}
  // Waits for all threads. Returns whether `deadline`, the same for every thread, is still to come;
  // all threads get the same answer.
  bool Wait(double deadline);

 private:
  const int threads_;
  std::atomic<bool> in_time_{true};
  std::atomic<int> arrived_{0};
  std::atomic<int64_t> turn_{0};
};

class Turns {
 public:
  explicit Turns(const Case& measured);
  // Sets the counters "measured" and "floor" to medians, "floor_low" and "floor_high" to the 5th
  // and 95th percentiles of the floor's turns, all in ns for each item; and "together" to the share
  // of the turns that count.
  void Run(benchmark::State& state);

 private:
  struct alignas(64) Interval {
    double start = 0;
    double end = 0;
    double on_processor = 0;
  };
  struct Took {
    double ns = 0;
    bool counts = false;
    bool in_time = true;
  };
  // The repetitions in a turn: long enough to be timed, and too short to be interrupted.
  int64_t TimesATurn() const;
  Took TimeTurn(const Case::Turn& turn, size_t thread, size_t stack_offset, double deadline);
  bool WereTogether() const;

  const Case case_;
  StartingLine line_;
  std::vector<Interval> latest_;  // of each thread
  std::atomic<int64_t> times_{0};
};

}  // namespace alkaid::bench
