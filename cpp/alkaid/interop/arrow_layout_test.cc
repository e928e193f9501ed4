#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "alkaid/interop/arrow_layout_internal.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::interop {
namespace {

using ::testing::HasSubstr;
using Kind = ArrowLayout::Kind;

TEST(ArrowLayout, IsKnownByTheFormat) {
  struct Case {
    const char* format;
    Kind kind;
    int64_t width;
    int buffers;
    int children;
  };
  for (const Case& c :
       {Case{"n", Kind::kNull, 0, 0, 0}, Case{"b", Kind::kBoolean, 0, 2, 0},
        Case{"g", Kind::kFixedWidth, 8, 2, 0}, Case{"u", Kind::kVariable, 4, 3, 0},
        Case{"Z", Kind::kVariable, 8, 3, 0}, Case{"vz", Kind::kView, 16, 2, 0},
        Case{"w:0", Kind::kFixedWidth, 0, 2, 0}, Case{"d:19,10", Kind::kFixedWidth, 16, 2, 0},
        Case{"d:5,2,32", Kind::kFixedWidth, 4, 2, 0}, Case{"tsu:", Kind::kFixedWidth, 8, 2, 0},
        Case{"tsn:America/Los_Angeles", Kind::kFixedWidth, 8, 2, 0},
        Case{"tin", Kind::kFixedWidth, 16, 2, 0}, Case{"+L", Kind::kList, 8, 2, 1},
        Case{"+vl", Kind::kListView, 4, 3, 1}, Case{"+w:3", Kind::kFixedSizeList, 3, 1, 1},
        Case{"+s", Kind::kStruct, 0, 1, -1}}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const ArrowLayout layout, ArrowLayout::Of(c.format));
    EXPECT_EQ(layout.kind, c.kind) << c.format;
    EXPECT_EQ(layout.width, c.width) << c.format;
    EXPECT_EQ(layout.buffers(), c.buffers) << c.format;
    EXPECT_EQ(layout.children(), c.children) << c.format;
  }
}

TEST(ArrowLayout, RefusesOtherFormatsByName) {
  for (const char* format : {"+m", "+ud:1,2", "+us:1", "+r"}) {
    EXPECT_THAT(ArrowLayout::Of(format), StatusIs(StatusCode::kUnimplemented, HasSubstr(format)));
  }
  for (const char* format : {"", "x", "ii", "w:", "w:-1", "w:1x", "w:2147483648", "d:", "d:1",
                             "d:1,2,7", "ts", "tsx:", "tss", "+w:", "+", "+vv", "t"}) {
    EXPECT_THAT(ArrowLayout::Of(format), StatusIs(StatusCode::kInvalidArgument, HasSubstr(format)));
  }
}

}  // namespace
}  // namespace alkaid::interop
