#include "tools/support/display_width.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace alkaid::tools {
namespace {

struct Codes {
  uint32_t first;
  uint32_t last;
};

// Unicode ranges: marks that join the character before them, and characters of two columns.
constexpr Codes kJoining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                              {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                              {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
                              {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
constexpr Codes kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                           {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                           {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                           {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kSize>
bool IsAmong(const Codes (&ranges)[kSize], uint32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [code](Codes range) { return range.first <= code && code <= range.last; });
}

// The bytes of the first character of `text`, and its code.
size_t NextCharacter(std::string_view text, uint32_t* code) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t stated = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const size_t length = std::min(stated, text.size());
  *code = stated == 1 ? first : first & (0xffU >> (stated + 1));
  for (size_t i = 1; i < length; ++i) *code = *code << 6 | (byte(i) & 0x3fU);
  return length;
}

size_t WidthOf(uint32_t code) { return IsAmong(kJoining, code) ? 0 : IsAmong(kWide, code) ? 2 : 1; }

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    uint32_t code = 0;
    text.remove_prefix(NextCharacter(text, &code));
    width += WidthOf(code);
  }
  return width;
}

std::string_view FittingStart(std::string_view text, size_t columns) {
  size_t end = 0;
  while (end < text.size()) {
    uint32_t code = 0;
    const size_t length = NextCharacter(text.substr(end), &code);
    const size_t width = WidthOf(code);
    if (width > columns) break;
    columns -= width;
    end += length;
  }
  return text.substr(0, end);
}

std::string ElideMiddle(std::string_view text, size_t columns) {
  constexpr std::string_view kGap = "...";
  size_t width = DisplayWidth(text);
  if (width <= columns) return std::string(text);
  if (columns <= kGap.size()) return std::string(kGap.substr(0, columns));
  const size_t kept = columns - kGap.size();
  // A third in front: the end of a path says more.
  const std::string_view front = FittingStart(text, kept / 3);
  std::string_view back = text.substr(front.size());
  width -= DisplayWidth(front);
  while (width > kept - kept / 3) {
    uint32_t code = 0;
    const size_t length = NextCharacter(back, &code);
    width -= WidthOf(code);
    back.remove_prefix(length);
  }
  return std::string(front).append(kGap).append(back);
}

}  // namespace alkaid::tools
