#include "alkaid/base/printable_text.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace alkaid::internal {
namespace {

using std::size_t;

// The size of the UTF-8 character at the start of `text`. 0 if there is none, or one that must be
// escaped: a C0 or C1 control, an end of line or paragraph, or a direction change, which would make
// the text read as something else.
size_t CharacterAt(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) < 0x20 || byte(0) == 0x7f ? 0 : 1;
  if (byte(0) < 0xc2 || byte(0) > 0xf4) return 0;
  const size_t length = byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  uint32_t code = byte(0) & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kMin[] = {0, 0, 0xa0, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f ||
                     (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return turns || code < kMin[length] || code > 0x10ffff || surrogate ? 0 : length;
}

std::array<char, 4> EscapeOf(char character) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character);
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

size_t CopyPrintable(std::string_view text, char* out, size_t room) {
  size_t written = 0;
  while (!text.empty()) {
    const size_t length = CharacterAt(text);
    if (written + (length > 0 ? length : 4) > room) break;
    if (length > 0) {
      std::memcpy(out + written, text.data(), length);
      written += length;
      text.remove_prefix(length);
      continue;
    }
    const std::array<char, 4> escape = EscapeOf(text[0]);
    std::memcpy(out + written, escape.data(), escape.size());
    written += escape.size();
    text.remove_prefix(1);
  }
  return written;
}

std::string Printable(std::string_view text) {
  std::string printable(4 * text.size(), '\0');
  printable.resize(CopyPrintable(text, printable.data(), printable.size()));
  return printable;
}

std::string CutTo(std::string text, size_t most) {
  if (text.size() <= most) return text;
  // Not in the middle of a character.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
  return text + " ...";
}

}  // namespace alkaid::internal
