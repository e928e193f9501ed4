#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/heap/reports/block_findings_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;

TEST(BlockFindings, WhatABlockSaysItselfGoesBeforeWhatItsOwnerSays) {
  HeapContents contents;
  contents.blocks.resize(4);
  contents.recognized = {{3, 0}};
  contents.categories = {"of another snapshot"};
  BlockFindings findings(&contents);
  uint16_t owned = 0;
  findings.SetOwned(1, &owned, "owned");
  const uint16_t own = findings.Add("own");
  findings.Set(1, own);
  findings.Set(2, own);
  findings.SetOwned(2, &owned, "owned");
  findings.SetOwned(3, &owned, "owned");
  EXPECT_FALSE(findings.IsKnown(0));
  EXPECT_TRUE(findings.IsKnown(3));
  findings.Finish();
  EXPECT_THAT(contents.categories, ElementsAre("owned", "own"));
  ASSERT_EQ(contents.recognized.size(), 3u);
  EXPECT_EQ(contents.recognized[0].category, 1u);
  EXPECT_EQ(contents.recognized[1].category, 1u);
  EXPECT_EQ(contents.recognized[2].category, 0u);
}

TEST(BlockFindings, ALabelOfAPoolGoesBeforeAll) {
  HeapContents contents;
  contents.blocks.resize(2);
  contents.blocks[0].pool = contents.blocks[0].label = 1;
  contents.blocks[1].label = 1;  // malloc's: the label names the caller, not the contents
  BlockFindings findings(&contents);
  EXPECT_TRUE(findings.IsNamed(0));
  EXPECT_FALSE(findings.IsNamed(1));
  findings.Set(0, findings.Add("own"));
  findings.Finish();
  EXPECT_TRUE(contents.recognized.empty());
}

TEST(BlockFindings, WhatComesAfterTheLastNumberHasNoCategory) {
  HeapContents contents;
  contents.blocks.resize(1);
  BlockFindings findings(&contents);
  for (int i = 0; i < UINT16_MAX; ++i) ASSERT_NE(findings.Add("x"), 0);
  EXPECT_EQ(findings.Add("x"), 0);
  uint16_t owned = 0;
  findings.SetOwned(0, &owned, "owned");
  findings.Finish();
  EXPECT_TRUE(contents.recognized.empty());
}

}  // namespace
}  // namespace alkaid::heap
