#include <charconv>
#include <limits>
#include <string>
#include <string_view>

#include "alkaid/interop/arrow_layout_internal.h"

namespace alkaid::interop {
namespace {

using Kind = ArrowLayout::Kind;

// The number at the end of formats such as "w:16"; -1 if there is none.
int64_t NumberIn(std::string_view text) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 0 && number <= std::numeric_limits<int32_t>::max() ? number : -1;
}

struct Named {
  std::string_view format;
  ArrowLayout layout;
};
constexpr Named kNamed[] = {
    {"n", {Kind::kNull, 0}},          {"b", {Kind::kBoolean, 0}},
    {"c", {Kind::kFixedWidth, 1}},    {"C", {Kind::kFixedWidth, 1}},
    {"s", {Kind::kFixedWidth, 2}},    {"S", {Kind::kFixedWidth, 2}},
    {"i", {Kind::kFixedWidth, 4}},    {"I", {Kind::kFixedWidth, 4}},
    {"l", {Kind::kFixedWidth, 8}},    {"L", {Kind::kFixedWidth, 8}},
    {"e", {Kind::kFixedWidth, 2}},    {"f", {Kind::kFixedWidth, 4}},
    {"g", {Kind::kFixedWidth, 8}},    {"z", {Kind::kVariable, 4}},
    {"Z", {Kind::kVariable, 8}},      {"u", {Kind::kVariable, 4}},
    {"U", {Kind::kVariable, 8}},      {"vz", {Kind::kView, 16}},
    {"vu", {Kind::kView, 16}},        {"+l", {Kind::kList, 4}},
    {"+L", {Kind::kList, 8}},         {"+vl", {Kind::kListView, 4}},
    {"+vL", {Kind::kListView, 8}},    {"+s", {Kind::kStruct, 0}},
    {"tdD", {Kind::kFixedWidth, 4}},  {"tdm", {Kind::kFixedWidth, 8}},
    {"tts", {Kind::kFixedWidth, 4}},  {"ttm", {Kind::kFixedWidth, 4}},
    {"ttu", {Kind::kFixedWidth, 8}},  {"ttn", {Kind::kFixedWidth, 8}},
    {"tDs", {Kind::kFixedWidth, 8}},  {"tDm", {Kind::kFixedWidth, 8}},
    {"tDu", {Kind::kFixedWidth, 8}},  {"tDn", {Kind::kFixedWidth, 8}},
    {"tiM", {Kind::kFixedWidth, 4}},  {"tiD", {Kind::kFixedWidth, 8}},
    {"tin", {Kind::kFixedWidth, 16}},
};

// "d:precision,scale" and "d:precision,scale,bits".
int64_t DecimalWidth(std::string_view numbers) {
  const size_t first = numbers.find(',');
  if (first == std::string_view::npos) return -1;
  const size_t second = numbers.find(',', first + 1);
  if (second == std::string_view::npos) return 16;
  const int64_t bits = NumberIn(numbers.substr(second + 1));
  return bits == 32 || bits == 64 || bits == 128 || bits == 256 ? bits / 8 : -1;
}

}  // namespace

Result<ArrowLayout> ArrowLayout::Of(std::string_view format) {
  for (const Named& named : kNamed) {
    if (named.format == format) return named.layout;
  }
  if (format.size() > 3 && format[3] == ':' && format.starts_with("ts") &&
      std::string_view("smun").find(format[2]) != std::string_view::npos) {
    return ArrowLayout{Kind::kFixedWidth, 8};  // a time zone follows
  }
  int64_t width = -1;
  Kind kind = Kind::kFixedWidth;
  if (format.starts_with("w:")) width = NumberIn(format.substr(2));
  if (format.starts_with("d:")) width = DecimalWidth(format.substr(2));
  if (format.starts_with("+w:")) {
    kind = Kind::kFixedSizeList;
    width = NumberIn(format.substr(3));
  }
  if (width >= 0) return ArrowLayout{kind, width};
  for (const std::string_view known : {"+m", "+ud:", "+us:", "+r"}) {
    if (format.starts_with(known)) {
      return status::NotImplemented("Arrow arrays of format \"", std::string(format),
                                    "\" (maps, unions, run ends) are not supported");
    }
  }
  return status::Invalid("\"", std::string(format),
                         "\" is not a format of Arrow's C data interface");
}

int ArrowLayout::buffers() const {
  switch (kind) {
    case Kind::kNull:
      return 0;
    case Kind::kFixedSizeList:
    case Kind::kStruct:
      return 1;
    case Kind::kBoolean:
    case Kind::kFixedWidth:
    case Kind::kList:
    case Kind::kView:
      return 2;
    case Kind::kVariable:
    case Kind::kListView:
      return 3;
  }
  return 0;
}

int ArrowLayout::children() const {
  switch (kind) {
    case Kind::kStruct:
      return -1;
    case Kind::kList:
    case Kind::kListView:
    case Kind::kFixedSizeList:
      return 1;
    default:
      return 0;
  }
}

}  // namespace alkaid::interop
