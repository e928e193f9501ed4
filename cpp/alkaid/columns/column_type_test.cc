#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "alkaid/columns/column_type_internal.h"

namespace alkaid::columns::internal {
namespace {

using dgram::DataType;
using Kind = ColumnType::Kind;

TEST(ColumnType, EachTypeHasAFormatOfItsWidth) {
  for (int i = 0; i < dgram::kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    const std::string format = ElementFormat(type);
    int width = 0;
    if (std::string("cC").find(format) != std::string::npos) width = 1;
    if (std::string("sS").find(format) != std::string::npos) width = 2;
    if (std::string("iIf").find(format) != std::string::npos) width = 4;
    if (std::string("lLg").find(format) != std::string::npos) width = 8;
    EXPECT_EQ(width, dgram::DataTypeSize(type)) << format;
  }
}

TEST(ColumnType, DependsOnTypeAndRankAlone) {
  EXPECT_EQ((ColumnType{DataType::kUInt16, 0}).kind(), Kind::kScalar);
  EXPECT_EQ((ColumnType{DataType::kUInt16, 2}).kind(), Kind::kList);
  EXPECT_EQ((ColumnType{DataType::kCharStr, 1}).kind(), Kind::kText);
  EXPECT_EQ((ColumnType{DataType::kUInt16, 2}).ToString(), "UINT16 of rank 2");
  EXPECT_EQ(FieldOf({DataType::kFloat, 2}, "x", false, false).format, "+vl");
  EXPECT_EQ(FieldOf({DataType::kFloat, 2}, "x", true, false).format, "+vL");
  EXPECT_EQ(FieldOf({DataType::kCharStr, 1}, "x", true, false).format, "vu");
  EXPECT_EQ(FieldOf({DataType::kCharStr, 1}, "x", false, true).format, "vz");
  EXPECT_EQ(FieldOf({DataType::kEnumDict, 0}, "x", false, true).metadata.size(), 1U);
  EXPECT_EQ(ShapeFieldOf(5, "x").format, "+w:5");
  EXPECT_EQ(ShapeFieldOf(5, "x").name, "x.shape");
}

}  // namespace
}  // namespace alkaid::columns::internal
