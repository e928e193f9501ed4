// Progress: a bar on stderr for long work, with its rate and the time left.
//
// Shows nothing unless stderr is a terminal and a second has passed, and erases itself when it is
// destroyed. Cheap enough for a call after every batch: it draws at most ten times a second.
//
// Threads: one. Out of memory: may throw std::bad_alloc.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace alkaid::tools {

class Progress {
 public:
  // `label` names the work; `total` is its bytes, -1 where unknown.
  Progress(std::string label, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Adds `nbytes` to the work done.
  void Advance(int64_t nbytes);

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(Clock::time_point now);

  const std::string label_;
  const int64_t total_;
  const bool terminal_;
  const Clock::time_point start_;
  Clock::time_point next_;
  int64_t done_ = 0;
  bool drawn_ = false;
};

// The line that is drawn, without control characters, and without a bar where there is no total:
// "reading a.xtc2 [####----]  50%  120.0 MB/s 0:03 left". It takes at most `columns`, as a longer
// line would stay on the terminal at each drawing: first the middle of the label is left out, then
// the bar, then everything but the start.
std::string ProgressLine(const std::string& label, int64_t done, int64_t total, double seconds,
                         std::size_t columns);

}  // namespace alkaid::tools
