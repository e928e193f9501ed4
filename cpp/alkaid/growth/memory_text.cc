#include "alkaid/growth/memory_text.h"

#include <cmath>

#include "alkaid/base/number_text.h"

namespace alkaid::growth {
namespace {

std::string WithUnit(double mb, std::string number) {
  return std::isnan(mb) ? number : number + " MB";
}

}  // namespace

std::string MbNumber(double mb) {
  if (std::isnan(mb)) return "unknown";
  const double size = std::abs(mb);
  if (size >= 1e15) return internal::Format("%.3g", mb);
  const int digits = size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  const std::string number = internal::Format("%.*f", digits, mb);
  const bool is_zero = number.find_first_of("123456789") == std::string::npos;
  return is_zero ? "0" : internal::GroupDigits(number);
}

std::string SignedMbNumber(double mb) {
  const std::string number = MbNumber(mb);
  return mb > 0 && number != "0" ? "+" + number : number;
}

std::string MbText(double mb) { return WithUnit(mb, MbNumber(mb)); }
std::string SignedMbText(double mb) { return WithUnit(mb, SignedMbNumber(mb)); }

}  // namespace alkaid::growth
