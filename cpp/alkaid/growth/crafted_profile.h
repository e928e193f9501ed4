// Series and profiles made to order, for the tests of this room: what memory does while nothing
// leaks, and each cause of growth alone. The same seed makes the same figures.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth::crafted {

using Series = std::vector<double>;

class Noise {
 public:
  explicit Noise(uint64_t seed) : engine_(seed) {}
  // Between 0 and 1.
  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double Gaussian() {
    const double length = std::sqrt(-2 * std::log(1 - Uniform()));
    return length * std::cos(2 * 3.14159265358979323846 * Uniform());
  }
  size_t Below(size_t end) { return static_cast<size_t>(Uniform() * static_cast<double>(end)); }

 private:
  std::mt19937_64 engine_;
};

// value(i) for i < size.
template <typename F>
Series Make(size_t size, F value) {
  Series series(size);
  for (size_t i = 0; i < size; ++i) series[i] = value(i);
  return series;
}

inline Series Line(size_t size, double slope, double start = 0) {
  return Make(size, [=](size_t i) { return start + slope * static_cast<double>(i); });
}
inline Series White(Noise& noise, size_t size, double sigma) {
  return Make(size, [&](size_t) { return sigma * noise.Gaussian(); });
}
// Each value remembers `memory` of the one before; with 1 it is a random walk.
inline Series Autoregressive(Noise& noise, size_t size, double memory, double sigma) {
  double now = 0;
  for (int i = 0; memory < 1 && i < 500; ++i) now = memory * now + sigma * noise.Gaussian();
  return Make(size, [&](size_t) { return now = memory * now + sigma * noise.Gaussian(); });
}
inline Series Sawtooth(Noise& noise, size_t size, double period, double height) {
  const double begin = noise.Uniform() * period;
  return Make(size, [&](size_t i) {
    return height * std::fmod(static_cast<double>(i) + begin, period) / period;
  });
}
// `steps` of `height` MB, at any moment of the first `part` of the time.
inline Series Staircase(Noise& noise, size_t size, int steps, double height, double part) {
  Series series(size, 0);
  for (int step = 0; step < steps; ++step) {
    const auto begin = noise.Below(static_cast<size_t>(part * static_cast<double>(size)) + 1);
    for (size_t i = begin; i < size; ++i) series[i] += height;
  }
  return series;
}
inline Series operator+(Series a, const Series& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

// Series of equal length; one that is empty is not known.
struct Accounts {
  Series live = {};
  Series own_malloc = {};
  Series kept = {};
  Series elsewhere = {};
  Series untouched = {};  // vm - rss
  Series roots = {};
  Series visible = {};
};

// Stamps 0.5 s apart, on top of 50 MB that no account but RSS has.
inline std::vector<MemoryStamp> Profile(size_t size, const Accounts& accounts) {
  const auto at = [](const Series& series, size_t i) { return series.empty() ? 0 : series[i]; };
  std::vector<MemoryStamp> stamps(size);
  for (size_t i = 0; i < size; ++i) {
    MemoryStamp& stamp = stamps[i];
    stamp.time_s = 1.7e9 + 0.5 * static_cast<double>(i);
    stamp.live_mb = at(accounts.live, i);
    stamp.in_use_mb = stamp.live_mb + 5 + at(accounts.own_malloc, i);
    stamp.held_mb = stamp.in_use_mb + 20 + at(accounts.kept, i);
    stamp.rss_mb = stamp.held_mb + 50 + at(accounts.elsewhere, i);
    stamp.vm_mb = stamp.rss_mb + 1000 + at(accounts.untouched, i);
    if (!accounts.roots.empty()) stamp.roots_mb = accounts.roots[i];
    if (!accounts.visible.empty()) stamp.visible_mb = accounts.visible[i];
  }
  return stamps;
}

}  // namespace alkaid::growth::crafted
