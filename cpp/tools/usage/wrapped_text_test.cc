#include "tools/usage/wrapped_text.h"

#include <gtest/gtest.h>

#include "tools/support/display_width.h"

namespace alkaid::tools {
namespace {

using Lines = std::vector<std::string>;

constexpr char kProse[] =
    "The data are, by --add-data,\nas follows.\n\n"
    "  count  counts up\n"
    "         from n\n"
    "  zeros  zeros\n"
    "Then:\n"
    "  name=NAME,alg=NAME\n"
    "  [,type=TEXT]\n";

TEST(WrappedText, LinesEndBetweenWords) {
  EXPECT_EQ(WrappedLines("one two three four", 10), (Lines{"one two", "three four"}));
  EXPECT_EQ(WrappedLines("a\nb", 10), Lines{"a b"});
  EXPECT_EQ(WrappedLines("", 10), Lines{""});
  // A word longer than the line continues in the next.
  EXPECT_EQ(WrappedLines("x abcdefghijkl y", 10), (Lines{"x", "abcdefghij", "kl y"}));
}

TEST(WrappedText, BlocksAreProseTermsAndExamples) {
  using Kind = TextBlock::Kind;
  const std::vector<TextBlock> blocks = TextBlocks(kProse);
  ASSERT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks[0].text, "The data are, by --add-data, as follows.");
  EXPECT_EQ(blocks[1].kind, Kind::kTerm);
  EXPECT_TRUE(blocks[1].begins_new);
  EXPECT_EQ(blocks[1].term, "count");
  EXPECT_EQ(blocks[1].text, "counts up from n");
  EXPECT_EQ(blocks[2].term, "zeros");
  EXPECT_EQ(blocks[3].text, "Then:");
  EXPECT_EQ(blocks[4].kind, Kind::kExample);
  EXPECT_EQ(blocks[4].text, "name=NAME,alg=NAME\n[,type=TEXT]");
}

TEST(WrappedText, IsLaidOutForEachWidth) {
  EXPECT_EQ(WrappedText(kProse, 30),
            "The data are, by --add-data,\nas follows.\n\n"
            "  count  counts up from n\n"
            "  zeros  zeros\n"
            "Then:\n"
            "  name=NAME,alg=NAME\n"
            "  [,type=TEXT]\n");
  EXPECT_EQ(WrappedText("", 80), "");
}

TEST(WrappedText, AMeaningStandsBesideAShortHeadAndBelowALongOne) {
  EXPECT_EQ(HangingText("--top N", "Entries of each list", 12, 24),
            "  --top N   Entries of\n            each list\n");
  EXPECT_EQ(HangingText("--max-dgram-bytes N", "Bytes", 12, 24),
            "  --max-dgram-bytes N\n            Bytes\n");
  EXPECT_EQ(HangingText("--top N", "", 12, 24), "  --top N\n");
}

}  // namespace
}  // namespace alkaid::tools
