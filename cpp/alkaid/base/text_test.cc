#include "alkaid/base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace alkaid::internal {
namespace {

TEST(PrintableText, WritesOutControlsAndWhatIsNotUtf8) {
  EXPECT_EQ(Printable("plain text, Gr\u00f6\u00dfe \u20ac \U0001f40b"),
            "plain text, Gr\u00f6\u00dfe \u20ac \U0001f40b");
  EXPECT_EQ(Printable("a\x1b[1mb\n\r\x7f"), "a\\x1b[1mb\\x0a\\x0d\\x7f");
  EXPECT_EQ(Printable(std::string(1, '\0')), "\\x00");
  EXPECT_EQ(Printable("\xc2\x9b 2J"), "\\xc2\\x9b 2J");
  EXPECT_EQ(Printable("x\xe2\x82"), "x\\xe2\\x82");
  EXPECT_EQ(Printable(""), "");
}

TEST(PrintableText, IsCutAtAWholeCharacterOrEscape) {
  char out[8];
  const auto copied = [&out](const char* text, size_t room) {
    return std::string(out, CopyPrintable(text, out, room));
  };
  EXPECT_EQ(copied("abcdef", 4), "abcd");
  EXPECT_EQ(copied("abc\n", 6), "abc");
  EXPECT_EQ(copied("abc\n", 7), "abc\\x0a");
  EXPECT_EQ(copied("ab\u20ac", 4), "ab");
  EXPECT_EQ(copied("ab\u20ac", 5), "ab\u20ac");
  EXPECT_EQ(copied("x", 0), "");
}

}  // namespace
}  // namespace alkaid::internal
