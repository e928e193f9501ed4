#include "tools/dgram/live_flag.h"

#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include "alkaid/base/time_text.h"
#include "tools/support/interruption.h"

namespace alkaid::tools {
namespace {

constexpr char kForEver[] = "-";
// A century, which 64 bits of nanoseconds can hold.
constexpr double kMaxSeconds = 3.2e9;

bool NobodyReads() {
  struct pollfd out = {STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

// Like `tail -f`: the run may be over, and the next line, which would end the command, may never
// come.
bool CameOrNobodyReads() {
  if (Interruption::Came()) return true;
  if (!NobodyReads()) return false;
  ::raise(SIGPIPE);
  return true;  // SIGPIPE is ignored
}

}  // namespace

void LiveFlag::AddOption(CLI::App& command) {
  // A flag takes its value only after "=", so the next word stays a file.
  CLI::Option* const live = command.add_flag(
      std::string("--live{") + kForEver + "}", seconds,
      "The files are still being written: wait for what is not there yet. Ends at EndRun, once "
      "nothing was written for so many SECONDS (--live=SECONDS), or at SIGINT, SIGTERM or SIGHUP, "
      "with what was read; NAME finds NAME.inprogress too");
  live->type_name("SECONDS");
}

Result<std::shared_ptr<io::LiveWatch>> LiveFlag::Watch(Makes makes) const {
  if (!given()) return std::shared_ptr<io::LiveWatch>();
  io::LiveOptions options;
  options.stop = makes == Makes::kFile ? Interruption::Came : CameOrNobodyReads;
  if (seconds != kForEver) {
    double number = -1;
    const char* const end = seconds.data() + seconds.size();
    const auto [stopped_at, error] = std::from_chars(seconds.data(), end, number);
    if (error != std::errc() || stopped_at != end || !(number >= 0 && number <= kMaxSeconds)) {
      return status::Invalid("--live=", seconds, ": a silence has from 0 to ", kMaxSeconds,
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
    std::fprintf(stderr, "alkaid: stopped %s, before the end of the run\n",
                 Interruption::Came() ? "by a signal" : "because its output was closed");
    return;
  }
  const auto silence = static_cast<uint64_t>(watch->options().silence->count());
  std::fprintf(stderr,
               "alkaid: nothing was written for %s, and no EndRun; that is taken for the end\n",
               internal::DurationText(silence).c_str());
}

void DescribeLiveEnd(const io::LiveWatch* watch, const Status& status,
                     nlohmann::ordered_json* report) {
  if (watch == nullptr) return;
  nlohmann::ordered_json& end = (*report)["live_end"];
  // If the watch did not end the reading, the ends of all files did.
  const io::LiveEnd why = watch->end() == io::LiveEnd::kNone ? io::LiveEnd::kEndRun : watch->end();
  if (status.ok()) end = io::ToString(why);
}

}  // namespace alkaid::tools
