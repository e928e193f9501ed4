#include "alkaid/base/number_text.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace alkaid::internal {

using std::size_t;

std::string Format(const char* format, ...) {
  std::array<char, 256> start;  // nearly every text fits
  va_list values;
  va_start(values, format);
  const int length = std::vsnprintf(start.data(), start.size(), format, values);
  va_end(values);
  if (length < 0) return "";
  const auto size = static_cast<size_t>(length);
  if (size < start.size()) return std::string(start.data(), size);
  std::string text(size, '\0');
  va_start(values, format);
  std::vsnprintf(text.data(), size + 1, format, values);
  va_end(values);
  return text;
}

std::string Grouped(int64_t number) { return GroupDigits(std::to_string(number)); }

std::string SignedGrouped(int64_t number) { return (number < 0 ? "" : "+") + Grouped(number); }

std::string GroupDigits(std::string number) {
  const size_t begin = number.find_first_of("0123456789");
  if (begin == std::string::npos) return number;
  const size_t end = std::min(number.find_first_not_of("0123456789", begin), number.size());
  for (size_t at = end; at > begin + 3; at -= 3) number.insert(at - 3, ",");
  return number;
}

std::string Hex(uint64_t number) { return Format("0x%" PRIx64, number); }

std::string CountText(int64_t count, std::string_view what) {
  std::string text = std::to_string(count) + " ";
  text += what;
  return count == 1 ? text : text + "s";
}

std::string BytesText(int64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return CountText(bytes, "byte");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return Format("%.1f %s", value, kUnits[unit]);
}

std::string PercentText(double ratio) {
  const double percent = 100 * ratio;
  return Format(percent > 0 && percent < 0.1 ? "%.2g %%" : "%.1f %%", percent);
}

std::string WholePercentText(double ratio) {
  const double percent = 100 * ratio;
  return std::isfinite(percent) ? Format("%.0f %%", percent) : "";
}

}  // namespace alkaid::internal
