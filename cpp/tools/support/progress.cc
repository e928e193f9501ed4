#include "tools/support/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "alkaid/base/printable_text.h"
#include "tools/support/display_width.h"
#include "tools/support/terminal.h"

namespace alkaid::tools {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};
constexpr std::chrono::milliseconds kInterval{100};
constexpr int kCells = 24;
// The fewest columns of a label that still say something.
constexpr size_t kMinLabel = 16;

// Label, bar and figures in at most `columns`.
std::string Fitted(const std::string& label, const std::string& bar, const std::string& figures,
                   size_t columns) {
  const std::string printable = internal::Printable(label);
  const size_t needed = std::min(DisplayWidth(printable), kMinLabel);
  const std::string tail =
      needed + bar.size() + figures.size() <= columns ? bar + figures : figures;
  const size_t room = columns > tail.size() ? columns - tail.size() : 0;
  const std::string line = ElideMiddle(printable, std::max(room, size_t{3})) + tail;
  return std::string(FittingStart(line, columns));
}

}  // namespace

std::string ProgressLine(const std::string& label, int64_t done, int64_t total, double seconds,
                         std::size_t columns) {
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  if (total < 0) {
    std::array<char, 64> figures;
    std::snprintf(figures.data(), figures.size(), " %.1f MB, %.1f MB/s",
                  static_cast<double>(done) / 1e6, rate / 1e6);
    return Fitted(label, "", figures.data(), columns);
  }
  const double fraction =
      total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 0;
  const int filled = static_cast<int>(fraction * kCells);
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
  const auto left_seconds = static_cast<int64_t>(std::llround(std::max(left, 0.0)));

  std::array<char, 96> figures;
  std::snprintf(figures.data(), figures.size(), " %3d%%  %.1f MB/s  %d:%02d left",
                static_cast<int>(fraction * 100), rate / 1e6,
                static_cast<int>(std::min<int64_t>(left_seconds / 60, 99999)),
                static_cast<int>(left_seconds % 60));
  const std::string bar = " [" + std::string(static_cast<size_t>(filled), '#') +
                          std::string(static_cast<size_t>(kCells - filled), '-') + "]";
  return Fitted(label, bar, figures.data(), columns);
}

Progress::Progress(std::string label, int64_t total)
    : label_(std::move(label)),
      total_(total),
      terminal_(IsTerminal(STDERR_FILENO)),
      start_(Clock::now()),
      next_(start_ + kPatience) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void Progress::Advance(int64_t nbytes) {
  done_ += nbytes;
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now >= next_) Draw(now);
}

void Progress::Draw(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  // Asked each time, since the window may have changed. A terminal whose last column is used goes
  // to the next line.
  const size_t columns = TerminalColumns(STDERR_FILENO) - 1;
  std::fprintf(stderr, "\r\033[K%s", ProgressLine(label_, done_, total_, seconds, columns).c_str());
  std::fflush(stderr);
  next_ = now + kInterval;
  drawn_ = true;
}

}  // namespace alkaid::tools
