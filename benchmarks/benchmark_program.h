// The common part of all benchmark programs: a case beside its floor, and the run of a program.
//
// A case and its floor take turns of about 40 us inside one run, on the same heap and caches, since
// the state of an allocator's heap changes its cost by more than a pool adds. A figure is the
// median of its turns, which ignores those that the machine interrupted. A difference is taken
// inside a run, and the table shows the median over the repetitions of the run. ci/bench_table.py
// makes the table; the label of each case contains everything that it prints and judges.
//
// Threads: cases are registered from main's thread. The threads of one case take the same turn at
// the same time.
// Out of memory, and any broken assumption: abort with a message.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/base/status.h"

namespace alkaid::bench {

// How a case is judged against its floor.
struct Bar {
  std::string text;  // as in the label

  // Printed, and not judged.
  static Bar None() { return {"none"}; }
  // At most `ns` more than the floor.
  static Bar Above(double ns);
  // At most `factor` times the floor.
  static Bar Times(double factor);
  // At least `share` of the floor's speed.
  static Bar Speed(double share);
  // At most `ns`, whatever the floor.
  static Bar Most(double ns);
  // At most as far above the floor as the floor's own turns differ, over all repetitions; 5 % of
  // outliers at each end do not count.
  static Bar Spread() { return {"spread"}; }
  // The number that `Case::after` reports under `name` is at most `most`.
  static Bar Count(const std::string& name, int64_t most);
};

struct Case {
  // Repeats the measured operation `times` times, and aborts where the result is wrong.
  using Turn = std::function<void(int64_t times)>;

  std::string name;      // unique in the program
  std::string question;  // the table's first column
  std::string variant;   // its second: size, depth, backend
  Turn measured;
  Turn floor;
  std::vector<Bar> bars;  // one row of the table for each
  // Items in one repetition: the table's figures are for one item.
  int64_t items = 1;
  int threads = 1;
  // Other threads work for the case: it and its floor are timed by the clock.
  bool by_clock = false;
  // Called by each thread after its turns, which performed the measured operation `times` times.
  // Checks what would take too long inside a turn, and reports what was counted.
  std::function<void(int64_t times, benchmark::UserCounters* counters)> after = {};
};

void Register(const Case& measured);

// Runs the registered cases: interleaved repetitions, enough for steady medians; flags of Google
// Benchmark on the command line override this. Refuses to measure pools in debug mode. Returns
// main's exit code.
int RunBenchmarks(int argc, char** argv);

// Aborts with `what` unless `condition`: a figure for something else is worse than none.
void Require(bool condition, const std::string& what);
// The same for a Status or a Result.
void RequireOk(const Status& status, const std::string& what);
template <typename T>
T Value(Result<T> result, const std::string& what) {
  RequireOk(result.status(), what);
  return *std::move(result);
}

// "64 B", "4 KiB", "16 MiB".
std::string SizeName(int64_t bytes);

}  // namespace alkaid::bench
