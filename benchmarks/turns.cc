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

void StartingLine::Wait() {
  const int64_t turn = turn_.load();
  if (arrived_.fetch_add(1) + 1 == threads_) {
    arrived_.store(0);
    turn_.store(turn + 1);
    return;
  }
  for (int spins = 0; turn_.load() == turn; ++spins) {
    if (spins > 10'000) std::this_thread::yield();
  }
}

Turns::Turns(const Case& measured)
    : case_(measured), line_(measured.threads), latest_(static_cast<size_t>(measured.threads)) {}

int64_t Turns::TimesATurn() const {
  constexpr double kTurnNanoseconds = 40'000;
  constexpr int64_t kMostTimes = 4096;
  int64_t times = 1;
  case_.floor(times);
  while (true) {
    const double start = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    case_.floor(times);
    const double took = Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start;
    if (took >= kTurnNanoseconds / 2 || times >= kMostTimes) return times;
    times *= 2;
  }
}

bool Turns::WereTogether(const Interval& own) const {
  constexpr double kEnough = 0.8;
  double start = own.start;
  double end = own.end;
  for (const Interval& other : latest_) {
    start = std::max(start, other.start);
    end = std::min(end, other.end);
  }
  return end - start >= kEnough * (own.end - own.start);
}

[[gnu::noinline]] Turns::Took Turns::TimeTurn(const Case::Turn& turn, size_t thread,
                                              size_t stack_offset) {
  // Where the stack lies against the heap, modulo a page, moves some allocators by 10 ns: each turn has it elsewhere.
  benchmark::DoNotOptimize(__builtin_alloca(stack_offset));
  const int64_t times = times_.load(std::memory_order_relaxed);
  if (case_.threads == 1) {
    const double start = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    turn(times);
    return {Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start, true};
  }
  Interval& own = latest_[thread];
  line_.Wait();
  own.start = Nanoseconds(CLOCK_MONOTONIC);
  turn(times);
  own.end = Nanoseconds(CLOCK_MONOTONIC);
  line_.Wait();
  return {own.end - own.start, WereTogether(own)};
}

void Turns::Run(benchmark::State& state) {
  const Case::Turn* const turns[] = {&case_.measured, &case_.floor, &case_.floor};
  constexpr size_t kTurns = std::size(turns);
  const auto thread = static_cast<size_t>(state.thread_index());
  if (thread == 0 && times_.load() == 0) times_.store(TimesATurn());

  std::vector<double> measured;
  std::vector<double> floor;
  std::minstd_rand random;
  size_t first = 0;
  int64_t all = 0;
  for (auto _ : state) {
    double total = 0;
    for (size_t i = 0; i < kTurns; ++i) {
      const size_t turn = (first + i) % kTurns;
      const Took took = TimeTurn(*turns[turn], thread, 16 * (random() % 256));
      if (took.counts) (turn == 0 ? measured : floor).push_back(took.ns);
      total += took.ns;
      ++all;
    }
    ++first;
    state.SetIterationTime(total * 1e-9);
  }

  const auto report = [&state](const char* name, double value) {
    state.counters[name] = benchmark::Counter(value, benchmark::Counter::kAvgThreads);
  };
  const double items = static_cast<double>(times_.load() * case_.items);
  report("measured", Quantile(&measured, 0.5) / items);
  report("floor", Quantile(&floor, 0.5) / items);
  report("floor_low", Quantile(&floor, 0.05) / items);
  report("floor_high", Quantile(&floor, 0.95) / items);
  report("together",
         static_cast<double>(std::min(measured.size(), floor.size())) / static_cast<double>(all));
  if (case_.after) {
    case_.after(times_.load() * static_cast<int64_t>(state.iterations()), &state.counters);
  }
}

}  // namespace alkaid::bench
