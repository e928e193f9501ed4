#include "alkaid/base/time_text.h"

#include <array>
#include <cinttypes>
#include <ctime>

#include "alkaid/base/number_text.h"

namespace alkaid::internal {

std::string DurationText(uint64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) * 1e-9;
  if (seconds < 1e-6) return Format("%.0f ns", seconds * 1e9);
  if (seconds < 1e-3) return Format("%.0f us", seconds * 1e6);
  if (seconds < 1) return Format("%.0f ms", seconds * 1e3);
  if (seconds < 60) return Format("%.1f s", seconds);
  const uint64_t whole = nanoseconds / 1'000'000'000;
  if (whole < 3600) return Format("%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
  const uint64_t minutes = whole / 60;
  if (minutes < 1440) {
    return Format("%" PRIu64 " h %02" PRIu64 " min", minutes / 60, minutes % 60);
  }
  return Format("%" PRIu64 " d %" PRIu64 " h", minutes / 1440, minutes / 60 % 24);
}

std::string AgeText(uint64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) * 1e-9;
  if (seconds < 1) return Format("%.0f ms", seconds * 1e3);
  if (seconds < 60) return Format("%.1f s", seconds);
  if (seconds < 3600) return Format("%.1f min", seconds / 60);
  return Format("%.1f h", seconds / 3600);
}

std::string RoughDurationText(double seconds) {
  if (seconds < 120) return Format("%.3g s", seconds);
  if (seconds < 7200) return Format("%.0f min", seconds / 60);
  if (seconds < 172'800) return Format("%.0f h", seconds / 3600);
  return Format("%.0f days", seconds / 86'400);
}

std::string TimeText(uint64_t unix_nanoseconds) {
  const auto seconds = static_cast<time_t>(unix_nanoseconds / 1'000'000'000);
  struct tm parts = {};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "at an unknown time";
  std::array<char, 64> text;
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

}  // namespace alkaid::internal
