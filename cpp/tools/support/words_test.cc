#include "tools/support/words.h"

#include <gtest/gtest.h>

namespace alkaid::tools {
namespace {

TEST(Words, AreWhatStandsBetweenSeparators) {
  using List = std::vector<std::string>;
  EXPECT_EQ(WordsOf("a|b||c|", '|'), (List{"a", "b", "c"}));
  EXPECT_EQ(WordsOf("", '|'), List{});
  EXPECT_EQ(WordsOf("one", '|'), List{"one"});
}

TEST(Words, AreJoinedWithWhatStandsBetween) {
  EXPECT_EQ(JoinedWords({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(JoinedWords({}, ", "), "");
}

}  // namespace
}  // namespace alkaid::tools
