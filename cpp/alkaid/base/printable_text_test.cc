#include "alkaid/base/printable_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace alkaid::internal {
namespace {

TEST(PrintableText, LeavesTextAsItIs) {
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable("plain text, Gr\u00f6\u00dfe \u20ac \U0001f40b"),
            "plain text, Gr\u00f6\u00dfe \u20ac \U0001f40b");
  EXPECT_EQ(Printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(PrintableText, WritesOutControlsAndWhatIsNotUtf8) {
  EXPECT_EQ(Printable("a\x1b[1mb\n\r\x7f"), "a\\x1b[1mb\\x0a\\x0d\\x7f");
  EXPECT_EQ(Printable(std::string(1, '\0')), "\\x00");
  // The C1 controls; U+009B starts a terminal command as ESC [ does. What follows them is text.
  EXPECT_EQ(Printable("\xc2\x80 \xc2\x9b 2J \xc2\x9f"), "\\xc2\\x80 \\xc2\\x9b 2J \\xc2\\x9f");
  // From right to left, and back; the end of a line.
  EXPECT_EQ(Printable("\u202e \u2069 \u200f \u061c \u2028"),
            "\\xe2\\x80\\xae \\xe2\\x81\\xa9 \\xe2\\x80\\x8f \\xd8\\x9c \\xe2\\x80\\xa8");
  EXPECT_EQ(Printable("\u2027\u202f\u2065"), "\u2027\u202f\u2065");
  // A lone continuation byte, one cut off, an overlong form, a surrogate, beyond the last.
  EXPECT_EQ(Printable("\x9b"), "\\x9b");
  EXPECT_EQ(Printable("x\xe2\x82"), "x\\xe2\\x82");
  EXPECT_EQ(Printable("\xc0\x9b"), "\\xc0\\x9b");
  EXPECT_EQ(Printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xf4\x90\x80\x80\xff"), "\\xf4\\x90\\x80\\x80\\xff");
}

TEST(PrintableText, GrowsToFourTimesTheTextAtMost) {
  const std::string controls(100'000, '\n');
  const std::string printable = Printable(controls);
  EXPECT_EQ(printable.size(), 400'000u);
  EXPECT_TRUE(printable.starts_with("\\x0a\\x0a"));
  EXPECT_TRUE(printable.ends_with("\\x0a"));
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

TEST(CutTo, LeavesWhatFits) {
  EXPECT_EQ(CutTo("", 0), "");
  EXPECT_EQ(CutTo("abc", 3), "abc");
  EXPECT_EQ(CutTo("abc", SIZE_MAX), "abc");
}

TEST(CutTo, CutsBetweenCharacters) {
  EXPECT_EQ(CutTo("abcd", 3), "abc ...");
  EXPECT_EQ(CutTo("abcd", 0), " ...");
  EXPECT_EQ(CutTo("ab\u20acd", 4), "ab ...");
  EXPECT_EQ(CutTo("ab\u20acd", 5), "ab\u20ac ...");
  EXPECT_EQ(CutTo(std::string(100'000, 'x'), 2), "xx ...");
}

TEST(CutTo, LeavesNothingOfWhatOnlyContinuesCharacters) {
  EXPECT_EQ(CutTo("\x80\x80\x80\x80", 3), " ...");
  EXPECT_EQ(CutTo("a\xff\xff", 2), "a\xff ...");
}

}  // namespace
}  // namespace alkaid::internal
