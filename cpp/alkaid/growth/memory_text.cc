#include "alkaid/growth/memory_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace alkaid::growth {
namespace {

std::string WithUnit(double mb, std::string number) {
  return std::isnan(mb) ? number : number + " MB";
}

}  // namespace

std::string PercentText(double share) {
  const double percents = 100 * share;
  if (!std::isfinite(percents)) return "";
  std::array<char, 320> text;  // the largest double has 309 digits
  std::snprintf(text.data(), text.size(), "%.0f %%", percents);
  return text.data();
}

std::string GroupDigits(std::string number) {
  const size_t begin = number.find_first_of("0123456789");
  if (begin == std::string::npos) return number;
  const size_t end = std::min(number.find_first_not_of("0123456789", begin), number.size());
  for (size_t at = end; at > begin + 3; at -= 3) number.insert(at - 3, ",");
  return number;
}

std::string MbNumber(double mb) {
  if (std::isnan(mb)) return "unknown";
  const double size = std::abs(mb);
  std::array<char, 64> text;
  if (size >= 1e15) {
    std::snprintf(text.data(), text.size(), "%.3g", mb);
    return text.data();
  }
  const int digits = size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  std::snprintf(text.data(), text.size(), "%.*f", digits, mb);
  std::string number = text.data();
  const bool is_zero = number.find_first_of("123456789") == std::string::npos;
  if (is_zero) return "0";
  return GroupDigits(number);
}

std::string SignedMbNumber(double mb) {
  const std::string number = MbNumber(mb);
  return mb > 0 && number != "0" ? "+" + number : number;
}

std::string MbText(double mb) { return WithUnit(mb, MbNumber(mb)); }
std::string SignedMbText(double mb) { return WithUnit(mb, SignedMbNumber(mb)); }

}  // namespace alkaid::growth
