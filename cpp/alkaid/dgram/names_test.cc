#include "alkaid/dgram/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::HasSubstr;

Result<Names> Parse(const std::string& xtc) {
  return Names::Parse(reinterpret_cast<const uint8_t*>(xtc.data()),
                      static_cast<int64_t>(xtc.size()));
}
Result<Names> ParseField(uint32_t type, uint32_t rank) {
  return Parse(fixtures::Names(1, "det", 0, "raw", {{"good", 0, 0}, {"odd", type, rank}}));
}

TEST(Names, ReadsDetectorAndFieldsWithoutTheGarbageBehindTheNul) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const Names names,
      Parse(fixtures::Names(0x105, "xpphsd", 3, "fex", {{"pos", 9, 0}, {"image", 1, 2}})));
  EXPECT_EQ(names.id(), NamesId(1, 5));
  EXPECT_EQ(names.detector(), "xpphsd");
  EXPECT_EQ(names.detector_type(), "type");
  EXPECT_EQ(names.detector_id(), "id");
  EXPECT_EQ(names.segment(), 3U);
  EXPECT_EQ(names.algorithm().name, "fex");
  EXPECT_EQ(names.algorithm().VersionString(), "1.2.3");
  EXPECT_EQ(names.ToString(), "xpphsd/3/fex");
  ASSERT_EQ(names.fields().size(), 2U);
  EXPECT_EQ(names.fields()[0].name, "pos");
  EXPECT_EQ(names.fields()[0].type, DataType::kDouble);
  EXPECT_EQ(names.fields()[0].rank, 0);
  EXPECT_EQ(names.fields()[1].rank, 2);
  EXPECT_EQ(names.array_count(), 1);
  EXPECT_EQ(names.FieldIndex("image"), 1);
  EXPECT_EQ(names.FieldIndex("imag"), -1);
}

TEST(Names, TextWithoutNulEndsWithItsTwoHundredAndFiftySixBytes) {
  std::string xtc = fixtures::Names(1, "det", 0, "raw", {});
  xtc.replace(272, 256, std::string(256, 'a'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Names names, Parse(xtc));
  EXPECT_EQ(names.detector(), std::string(256, 'a'));
}

TEST(Names, AnExtentThatIsNoWholeNumberOfFieldsIsDataLoss) {
  const std::string xtc = fixtures::Names(1, "det", 0, "raw", {{"a", 0, 0}});
  for (const size_t size : {size_t{12}, size_t{1047}, xtc.size() - 1, xtc.size() - 523}) {
    EXPECT_THAT(Parse(xtc.substr(0, size)),
                StatusIs(StatusCode::kDataLoss, HasSubstr(std::to_string(size))));
  }
  ALKAID_EXPECT_OK(Parse(xtc.substr(0, 1048)));
}

TEST(Names, ATypeOrRankOutsideTheFormatIsDataLossNamingTheField) {
  EXPECT_THAT(ParseField(13, 0), StatusIs(StatusCode::kDataLoss, HasSubstr("\"odd\"")));
  EXPECT_THAT(ParseField(0xffffffff, 0), StatusIs(StatusCode::kDataLoss, HasSubstr("type")));
  EXPECT_THAT(ParseField(1, 6), StatusIs(StatusCode::kDataLoss, HasSubstr("rank 6")));
  EXPECT_THAT(ParseField(1, 0x80000000), StatusIs(StatusCode::kDataLoss, HasSubstr("rank")));
  ALKAID_EXPECT_OK(ParseField(12, 0));
  ALKAID_EXPECT_OK(ParseField(1, 5));
}

TEST(Names, TextHasRankOne) {
  EXPECT_THAT(ParseField(10, 0), StatusIs(StatusCode::kDataLoss, HasSubstr("CHARSTR")));
  EXPECT_THAT(ParseField(10, 2), StatusIs(StatusCode::kDataLoss, HasSubstr("CHARSTR")));
  ALKAID_EXPECT_OK(ParseField(10, 1));
}

TEST(Names, ADeclarationMadeByTheProgramIsCheckedTheSame) {
  const auto make = [](Field field, std::string detector = "det") {
    return Names::Make(NamesId(1, 1), std::move(detector), "type", "id", 0, {"raw", 0},
                       {std::move(field)});
  };
  ALKAID_EXPECT_OK(make({"a", DataType::kFloat, 5, {}}));
  EXPECT_THAT(make({"a", DataType::kFloat, 6, {}}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(make({"a", DataType::kFloat, -1, {}}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(make({"a", DataType::kCharStr, 0, {}}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(make({std::string(256, 'a'), DataType::kFloat, 0, {}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("256")));
  EXPECT_THAT(make({"a", DataType::kFloat, 0, {}}, std::string("d\0t", 3)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("NUL")));
  EXPECT_THAT(Names::Make(NamesId(0x0fffffff), "d", "", "", 0, {}, {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("NamesId")));
}

TEST(Field, AnEnumerationsNameIsCutAtTheColon) {
  const Field value{"mode:modeEnum", DataType::kEnumVal, 0, {}};
  EXPECT_EQ(value.base_name(), "mode");
  EXPECT_EQ(value.enum_type(), "modeEnum");
  const Field bare{"mode", DataType::kEnumVal, 0, {}};
  EXPECT_EQ(bare.base_name(), "mode");
  EXPECT_EQ(bare.enum_type(), "");
  // A colon in the name of a field that is no enumeration belongs to the name.
  const Field other{"XPP:GON", DataType::kDouble, 0, {}};
  EXPECT_EQ(other.base_name(), "XPP:GON");
  EXPECT_EQ(other.enum_type(), "");
}

TEST(DataType, ReadsOnlyAsItselfButForEnumerationsAndText) {
  EXPECT_TRUE(ReadableAs<double>(DataType::kDouble));
  EXPECT_FALSE(ReadableAs<float>(DataType::kDouble));
  EXPECT_FALSE(ReadableAs<int16_t>(DataType::kUInt16));
  EXPECT_TRUE(ReadableAs<int32_t>(DataType::kEnumVal));
  EXPECT_FALSE(ReadableAs<uint32_t>(DataType::kEnumDict));
  EXPECT_TRUE(ReadableAs<uint8_t>(DataType::kCharStr));
  EXPECT_FALSE(ReadableAs<uint16_t>(DataType::kCharStr));
  EXPECT_STREQ(DataTypeName(DataType::kEnumDict), "ENUMDICT");
}

}  // namespace
}  // namespace alkaid::dgram
