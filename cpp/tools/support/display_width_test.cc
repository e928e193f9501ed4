#include "tools/support/display_width.h"

#include <gtest/gtest.h>

namespace alkaid::tools {
namespace {

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("run.xtc2"), 8U);
  EXPECT_EQ(DisplayWidth("Übung"), 5U);
  EXPECT_EQ(DisplayWidth("e\u0301t"), 2U);  // e with a combining accent
  EXPECT_EQ(DisplayWidth("試料"), 4U);
}

TEST(DisplayWidth, AStartThatFitsDividesNoCharacter) {
  EXPECT_EQ(FittingStart("abc", 2), "ab");
  EXPECT_EQ(FittingStart("試料", 3), "試");
  EXPECT_EQ(FittingStart("e\u0301t", 1), "e\u0301");
  EXPECT_EQ(FittingStart("abc", 0), "");
}

TEST(DisplayWidth, WhatIsLeftOutOfALongPathIsItsMiddle) {
  EXPECT_EQ(ElideMiddle("reading /a/b", 12), "reading /a/b");
  EXPECT_EQ(ElideMiddle("reading /data/experiment/xtc/run-c000.xtc2", 24),
            "reading.../run-c000.xtc2");
  for (size_t columns = 0; columns < 40; ++columns) {
    EXPECT_LE(DisplayWidth(ElideMiddle("試料/試料/run-試料-c000.xtc2", columns)), columns);
  }
  EXPECT_EQ(ElideMiddle("abcdef", 2), "..");
}

}  // namespace
}  // namespace alkaid::tools
