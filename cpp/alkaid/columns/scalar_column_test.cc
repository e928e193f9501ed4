#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/columns/field_column.h"
#include "fixtures/column_batches.h"

namespace alkaid::columns {
namespace {

using samples::Configure;
using samples::Image;
using samples::L1;
using samples::OneBatch;
using samples::RowBytes;
using ::testing::HasSubstr;

const FieldPath kCount{"det", 0, "raw", "count"};

TEST(ScalarColumn, IsGatheredAndSaysSo) {
  ColumnOptions options;
  options.allow_copy = false;  // only arrays
  const auto batch = OneBatch(Configure() + L1(1, Image(5, 1)) + L1(2, "") + L1(3, Image(7, 2)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto column, MakeColumn(batch, kCount, options));
  EXPECT_EQ(column.field.format, "I");
  EXPECT_TRUE(column.copied());
  EXPECT_EQ(column.copied_bytes, 2 * 4);
  EXPECT_THAT(column.why_copied, HasSubstr("gathered"));
  EXPECT_FALSE(column.shapes.has_value());
  EXPECT_EQ(RowBytes(column, 0), samples::fixtures::Bytes(uint32_t{5}));
  EXPECT_EQ(RowBytes(column, 1), std::nullopt);
  EXPECT_EQ(RowBytes(column, 2), samples::fixtures::Bytes(uint32_t{7}));
}

}  // namespace
}  // namespace alkaid::columns
