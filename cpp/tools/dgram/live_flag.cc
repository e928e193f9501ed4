#include "tools/dgram/live_flag.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <system_error>
#include <utility>

#include "alkaid/base/time_text.h"
#include "tools/support/interruption.h"

namespace alkaid::tools {
namespace {

constexpr char kForEver[] = "-";
// A century, which 64 bits of nanoseconds hold.
constexpr double kMostSeconds = 3.2e9;

}  // namespace

void LiveFlag::AddOption(CLI::App& command) {
  // A flag takes a value behind "=" alone, so that the word after it stays a file.
  command.add_flag(
      std::string("--live{") + kForEver + "}", seconds,
      "The files are still being written: wait for what is not there yet. Ends at EndRun, once "
      "nothing was written for so many SECONDS (--live=SECONDS), or at SIGINT, SIGTERM or SIGHUP, "
      "with what was read; NAME finds NAME.inprogress too");
}

Result<std::shared_ptr<io::LiveWatch>> LiveFlag::Watch() const {
  if (!given()) return std::shared_ptr<io::LiveWatch>();
  io::LiveOptions options;
  options.stop = Interruption::Came;
  if (seconds != kForEver) {
    double number = -1;
    const char* const end = seconds.data() + seconds.size();
    const auto [stopped_at, error] = std::from_chars(seconds.data(), end, number);
    if (error != std::errc() || stopped_at != end || !(number >= 0 && number <= kMostSeconds)) {
      return status::Invalid("--live=", seconds, ": a silence has from 0 to ", kMostSeconds,
                             " seconds");
    }
    options.silence = std::chrono::nanoseconds(std::llround(number * 1e9));
  }
  return io::LiveWatch::Make(std::move(options));
}

void ReportLiveEnd(const io::LiveWatch* watch) {
  if (watch == nullptr || watch->end() == io::LiveEnd::kNone) return;
  std::fflush(stdout);
  if (watch->end() == io::LiveEnd::kStopped) {
    std::fprintf(stderr, "alkaid: stopped by a signal, before the end of the run\n");
    return;
  }
  const auto silence = static_cast<uint64_t>(watch->options().silence->count());
  std::fprintf(stderr,
               "alkaid: nothing was written for %s, and no EndRun; that is taken for the end\n",
               internal::DurationText(silence).c_str());
}

}  // namespace alkaid::tools
