// What all benchmark programs share: how a case tells the table what it measures, and how a program runs.
//
// A case is measured beside its floor in the same program, in repetitions that are interleaved at random, so that a machine that
// slows down slows both. Its label carries what ci/bench_table.py prints: the question, the variant, the case that is its floor
// and the bar. Nothing but the program knows these.
//
// Threads: cases are registered from main's thread. Out of memory, and any broken assumption: abort with a message.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/core/memory_pool.h"

namespace alkaid::bench {

// How a case is judged against its floor. Times are medians over the repetitions, in ns for each item and thread.
struct Bar {
  std::string text;  // as the table's label spells it

  // Shown beside its floor, and not judged.
  static Bar None() { return {"none"}; }
  // At most `ns` more than the floor.
  static Bar Above(double ns);
  // At most `factor` times the floor.
  static Bar Times(double factor);
  // At least `share` of the floor's speed.
  static Bar Speed(double share);
  // At most `ns`, whatever the floor.
  static Bar Most(double ns);
  // Not further above the floor than the floor's own turns lie apart.
  static Bar Spread() { return {"spread"}; }
  // The counter `name` is at most `count`.
  static Bar Count(const std::string& name, int64_t count);
};

struct Case {
  std::string name;      // unique in the program; "/threads:2" and the like is added to it
  std::string question;  // the table's first column
  std::string variant;   // its second: size, depth, backend
  std::function<void(benchmark::State&)> run = {};
  // The name of another case with the same number of threads; empty: the case is itself a floor and has no row.
  std::string floor = {};
  // For a case that takes turns with its floor inside one run and times them itself: the names of its counters, in ns, for
  // itself, its floor, and the spread of its floor's turns. Google Benchmark's own times then count for nothing.
  std::vector<std::string> counters = {};
  // A row of the table for each.
  std::vector<Bar> bars = {};
  // What one iteration does: times are divided by it.
  int64_t items = 1;
  int threads = 1;
};

void Register(const Case& measured);

// Runs what is registered: interleaved repetitions, as many and as long as give steady medians; the flags of Google Benchmark
// on the command line go before. Refuses to measure pools in debug mode. Returns main's exit code.
int RunBenchmarks(int argc, char** argv);

// Aborts with `what` unless `condition`: a figure for something else than it says is worse than none.
void Require(bool condition, const std::string& what);
// The same for a Status or a Result.
void RequireOk(const Status& status, const std::string& what);
template <typename T>
T Value(Result<T> result, const std::string& what) {
  RequireOk(result.status(), what);
  return *std::move(result);
}

}  // namespace alkaid::bench
