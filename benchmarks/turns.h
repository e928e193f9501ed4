// Runs a case and its floor in turns, and reports what a turn took.
//
// A case of one thread is timed by the thread's processor time, so that a busy machine does not
// count, unless it has others work for it. Processor time would hide threads that wait for each
// other: a case of several is timed by the clock, and only turns count in which they were at it
// together and none was off its processor; on a machine too busy for that there may be none.
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

// Lets threads go on together. They spin: one that sleeps would wake in the middle of the other's
// turn.
class StartingLine {
 public:
  explicit StartingLine(int threads) : threads_(threads) {}
  // Whether the moment that was handed to every thread's Wait is still to come; all threads get the
  // same answer.
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
  // Sets the counters "measured" and "floor" to medians, "floor_low" and "floor_high" to the
  // percentiles 5 and 95 of the floor's turns, all in ns for each item; and "together" to the share
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
  // How often a turn does what it does, so that it takes long enough to be timed and too short to
  // be interrupted.
  int64_t TimesATurn() const;
  Took TimeTurn(const Case::Turn& turn, size_t thread, size_t stack_offset, double deadline);
  bool WereTogether() const;

  const Case case_;
  StartingLine line_;
  std::vector<Interval> latest_;  // of each thread
  std::atomic<int64_t> times_{0};
};

}  // namespace alkaid::bench
