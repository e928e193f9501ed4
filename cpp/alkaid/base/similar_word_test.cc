#include "alkaid/base/similar_word.h"

#include <gtest/gtest.h>

namespace alkaid::internal {
namespace {

TEST(SimilarWord, DistanceCountsTheSlipsOfFingers) {
  EXPECT_EQ(EditDistance("show", "show"), 0U);
  EXPECT_EQ(EditDistance("shwo", "show"), 1U);
  EXPECT_EQ(EditDistance("sho", "show"), 1U);
  EXPECT_EQ(EditDistance("shows", "show"), 1U);
  EXPECT_EQ(EditDistance("slow", "show"), 1U);
  EXPECT_EQ(EditDistance("", "show"), 4U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(SimilarWord, IsTheNearestOrNone) {
  const std::vector<std::string> words = {"show", "retention", "diff"};
  EXPECT_EQ(SimilarWord("shwo", words), "show");
  EXPECT_EQ(SimilarWord("retension", words), "retention");
  EXPECT_EQ(SimilarWord("dif", words), "diff");
  EXPECT_EQ(SimilarWord("memory", words), "");
  EXPECT_EQ(SimilarWord("x", {"y"}), "");
  EXPECT_EQ(SimilarWord("", words), "");
}

TEST(SimilarWord, IsAskedAfterOrNot) {
  EXPECT_EQ(DidYouMean("--jsn", {"--help", "--json"}), "; did you mean '--json'?");
  EXPECT_EQ(DidYouMean("--colour", {"--help", "--json"}), "");
}

}  // namespace
}  // namespace alkaid::internal
