// What all benchmark programs share: a case beside its floor, and how a program runs.
//
// A case and its floor take turns of some 40 us inside one run, on the same heap and caches: what
// an allocator costs differs by more with the state of its heap than a pool adds to it. A figure is
// the median of its turns, which leaves out those that the machine interrupted; a difference is
// taken inside a run, and the table shows the median over the repetitions of the run.
// ci/bench_table.py makes the table; what it prints and judges is in the label of each case, and
// nothing but the program knows it.
//
// Threads: cases are registered from main's thread. Those of a case of several take the same turn
// at the same time.
// Out of memory, and any broken assumption: abort with a message.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/base/status.h"

namespace alkaid::bench {

// How a case is judged beside its floor.
struct Bar {
  std::string text;  // as the label spells it

  // Shown, and not judged.
  static Bar None() { return {"none"}; }
  // At most `ns` more than the floor.
  static Bar Above(double ns);
  // At most `factor` times the floor.
  static Bar Times(double factor);
  // At least `share` of the floor's speed.
  static Bar Speed(double share);
  // At most `ns`, whatever the floor.
  static Bar Most(double ns);
  // Not further above the floor than the floor's own turns lie apart, over all repetitions; 5 % of
  // stragglers at each end do not count.
  static Bar Spread() { return {"spread"}; }
  // The number that `Case::after` reports under `name` is at most `most`.
  static Bar Count(const std::string& name, int64_t most);
};

struct Case {
  // Does what is measured that many times, and aborts where it is not what it says.
  using Turn = std::function<void(int64_t times)>;

  std::string name;      // unique in the program
  std::string question;  // the table's first column
  std::string variant;   // its second: size, depth, backend
  Turn measured;
  Turn floor;
  std::vector<Bar> bars;  // a row of the table for each
  // What is done in one time: the table's figures are for each.
  int64_t items = 1;
  int threads = 1;
  // Other threads work for the case: it and its floor are timed by the clock.
  bool by_clock = false;
  // Called by each thread after its turns, in which it did what is measured that many times: to
  // show that it was what it says, where that would take too long inside a turn, and to report what
  // was counted.
  std::function<void(int64_t times, benchmark::UserCounters* counters)> after = {};
};

void Register(const Case& measured);

// Runs what is registered: interleaved repetitions, as many and as long as give steady medians; the
// flags of Google Benchmark on the command line go before. Refuses to measure pools in debug mode.
// Returns main's exit code.
int RunBenchmarks(int argc, char** argv);

// Aborts with `what` unless `condition`: a figure for something else than it says is worse than
// none.
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
