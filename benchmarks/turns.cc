#include "turns.h"

#include <time.h>

#include <algorithm>
#include <random>
#include <thread>

namespace alkaid::bench {
namespace {

double Nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The value below which `share` of the values lie.
double Quantile(std::vector<double>* values, double share) {
  if (values->empty()) return 0;
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), values->begin() + place, values->end());
  return (*values)[static_cast<size_t>(place)];
}

}  // namespace

bool StartingLine::Wait(double deadline) {
  const int64_t turn = turn_.load();
  if (arrived_.fetch_add(1) + 1 == threads_) {
    arrived_.store(0);
    in_time_.store(Nanoseconds(CLOCK_MONOTONIC) < deadline);
    turn_.store(turn + 1);
    return in_time_.load();
  }
  for (int spins = 0; turn_.load() == turn; ++spins) {
    if (spins > 10'000) std::this_thread::yield();
  }
  return in_time_.load();
}

Turns::Turns(const Case& measured)
    : case_(measured), line_(measured.threads), latest_(static_cast<size_t>(measured.threads)) {}

int64_t Turns::TimesATurn() const {
  constexpr double kTurnNanoseconds = 40'000;
  constexpr int64_t kMaxTimes = 4096;
  int64_t times = 1;
  case_.floor(times);
  while (true) {
    const double start = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    case_.floor(times);
    const double took = Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start;
    if (took >= kTurnNanoseconds / 2 || times >= kMaxTimes) return times;
    times *= 2;
  }
}

bool Turns::WereTogether() const {
  constexpr double kEnough = 0.8;
  double start = latest_[0].start;
  double end = latest_[0].end;
  double shortest = end - start;
  for (const Interval& turn : latest_) {
    const double took = turn.end - turn.start;
    if (turn.on_processor < kEnough * took) return false;
    start = std::max(start, turn.start);
    end = std::min(end, turn.end);
    shortest = std::min(shortest, took);
  }
  return end - start >= kEnough * shortest;
}

[[gnu::noinline]] Turns::Took Turns::TimeTurn(const Case::Turn& turn, size_t thread,
                                              size_t stack_offset, double deadline) {
  // The offset between stack and heap, modulo a page, changes some allocators by 10 ns, so each
  // turn uses another one.
  benchmark::DoNotOptimize(__builtin_alloca(stack_offset));
  const int64_t times = times_.load(std::memory_order_relaxed);
  if (case_.threads == 1) {
    const clockid_t clock = case_.by_clock ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    const double start = Nanoseconds(clock);
    turn(times);
    const double took = Nanoseconds(clock) - start;
    return {took, true, true};
  }
  Interval& own = latest_[thread];
  line_.Wait(deadline);
  const double before = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  own.start = Nanoseconds(CLOCK_MONOTONIC);
  turn(times);
  own.end = Nanoseconds(CLOCK_MONOTONIC);
  own.on_processor = Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - before;
  const bool in_time = line_.Wait(deadline);
  return {own.end - own.start, WereTogether(), in_time};
}

void Turns::Run(benchmark::State& state) {
  const auto thread = static_cast<size_t>(state.thread_index());
  if (thread == 0 && times_.load() == 0) times_.store(TimesATurn());

  std::vector<double> measured;
  std::vector<double> floor;
  std::minstd_rand random;
  int64_t rounds = 0;
  // On a busy machine threads wait long for each other.
  constexpr double kPatience = 0.3e9;
  const double deadline = Nanoseconds(CLOCK_MONOTONIC) + kPatience;
  bool in_time = true;
  double both = 0;
  // Strictly alternating, so that each finds the caches as the other left them.
  for (auto _ : state) {
    if (in_time) {
      const Took its = TimeTurn(case_.measured, thread, 16 * (random() % 256), deadline);
      const Took floors = TimeTurn(case_.floor, thread, 16 * (random() % 256), deadline);
      if (its.counts) measured.push_back(its.ns);
      if (floors.counts) floor.push_back(floors.ns);
      both = its.ns + floors.ns;
      in_time = its.in_time && floors.in_time;
      ++rounds;
    }
    state.SetIterationTime(both * 1e-9);
  }

  const auto report = [&state](const char* name, double value) {
    state.counters[name] = benchmark::Counter(value, benchmark::Counter::kAvgThreads);
  };
  const double items = static_cast<double>(times_.load() * case_.items);
  report("measured", Quantile(&measured, 0.5) / items);
  report("floor", Quantile(&floor, 0.5) / items);
  report("floor_low", Quantile(&floor, 0.05) / items);
  report("floor_high", Quantile(&floor, 0.95) / items);
  report("together", static_cast<double>(std::min(measured.size(), floor.size())) /
                         static_cast<double>(rounds));
  if (case_.after) {
    case_.after(times_.load() * rounds, &state.counters);
  }
}

}  // namespace alkaid::bench
