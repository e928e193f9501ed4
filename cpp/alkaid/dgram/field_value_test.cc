#include "alkaid/dgram/field_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Names OneField(DataType type, int rank) {
  return Names::Make(NamesId(1, 1), "det", "", "", 0, {"raw", 0}, {{"x:e", type, rank, {}}})
      .value();
}

std::string Stored(const FieldValue& value) {
  std::string bytes(static_cast<size_t>(value.nbytes()), '\xee');
  value.StoreTo(reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}
std::string StoredShape(const FieldValue& value) {
  std::string bytes(kShapeBytes, '\xee');
  value.StoreShapeTo(reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

TEST(FieldValue, StoresAScalarsBytes) {
  const FieldValue value = FieldValue::Scalar<double>(0.5);
  EXPECT_EQ(Stored(value), fixtures::Bytes(0.5));
  ALKAID_EXPECT_OK(value.Check(OneField(DataType::kDouble, 0), 0));
}

TEST(FieldValue, StoresAnArraysBytesAndItsShapeWithZerosBehind) {
  const std::vector<uint16_t> values = {1, 2, 3, 4, 5, 6};
  const FieldValue value = FieldValue::Array<uint16_t>(values, {2, 3});
  EXPECT_EQ(Stored(value), fixtures::Bytes(values));
  EXPECT_EQ(StoredShape(value), fixtures::Bytes(std::vector<uint32_t>{2, 3, 0, 0, 0}));
  ALKAID_EXPECT_OK(value.Check(OneField(DataType::kUInt16, 2), 0));
}

TEST(FieldValue, StoresTextWithANulInAWholeNumberOfFourBytes) {
  EXPECT_EQ(Stored(FieldValue::String("")), std::string(4, '\0'));
  EXPECT_EQ(Stored(FieldValue::String("abc")), std::string("abc\0", 4));
  EXPECT_EQ(Stored(FieldValue::String("abcd")), std::string("abcd\0\0\0\0", 8));
  EXPECT_EQ(StoredShape(FieldValue::String("abcd")),
            fixtures::Bytes(std::vector<uint32_t>{8, 0, 0, 0, 0}));
  ALKAID_EXPECT_OK(FieldValue::String("abcd").Check(OneField(DataType::kCharStr, 1), 0));
}

TEST(FieldValue, OfEnumerationsIsAnInt32) {
  for (const DataType type : {DataType::kEnumVal, DataType::kEnumDict}) {
    ALKAID_EXPECT_OK(FieldValue::Scalar<int32_t>(-3).Check(OneField(type, 0), 0));
    EXPECT_THAT(FieldValue::Scalar<uint32_t>(3).Check(OneField(type, 0), 0),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(DataTypeName(type)), HasSubstr("UINT32"))));
  }
}

TEST(FieldValue, AnEmptyArrayIsAValue) {
  const FieldValue value = FieldValue::Array<float>({}, {0, 3});
  EXPECT_EQ(Stored(value), "");
  ALKAID_EXPECT_OK(value.Check(OneField(DataType::kFloat, 2), 0));
}

TEST(FieldValue, TheWrongTypeRankOrNumberIsRefusedNamingTheFieldAndItsNames) {
  const std::vector<float> values = {1, 2, 3};
  const auto refused = [](const FieldValue& value, const Names& names, const std::string& what) {
    EXPECT_THAT(value.Check(names, 0),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("field \"x:e\" of det/0/raw"), HasSubstr(what))));
  };
  const Names names = OneField(DataType::kFloat, 2);
  refused(FieldValue::Array<float>(values, {3}), names, "rank 1");
  refused(FieldValue::Array<float>(values, {3, 1, 1, 1, 1, 1}), names, "rank above 5");
  refused(FieldValue::Scalar<float>(1), names, "rank 0");
  refused(FieldValue::Array<float>(values, {2, 2}), names, "12 bytes, its shape needs 16");
  refused(FieldValue::String("text"), OneField(DataType::kUInt8, 1), "CHARSTR");
  refused(FieldValue::Array<uint8_t>({}, {0}), OneField(DataType::kCharStr, 1), "UINT8");
  const uint32_t all = 0xffffffff;
  refused(FieldValue::Array<float>(values, {all, all, all}), OneField(DataType::kFloat, 3),
          "more than 64 bits can count");
}

TEST(FieldValue, AnArrayWithoutAShapeIsTheScalarThatItHolds) {
  const Names names = OneField(DataType::kDouble, 0);
  std::vector<double> values = {41.5, 42.5};
  const FieldValue one = FieldValue::Array<double>(std::span(values).first(1), {});
  values[0] = 0;
  ALKAID_EXPECT_OK(one.Check(names, 0));
  EXPECT_EQ(Stored(one), fixtures::Bytes(41.5));
  values[0] = 1;
  const FieldValue two = FieldValue::Array<double>(values, {});
  EXPECT_THAT(two.Check(names, 0), StatusIs(StatusCode::kInvalidArgument, HasSubstr("16 bytes")));
  EXPECT_EQ(Stored(two), fixtures::Bytes(values));
  const FieldValue none = FieldValue::Array<double>({}, {});
  EXPECT_THAT(none.Check(names, 0), StatusIs(StatusCode::kInvalidArgument, HasSubstr("0 bytes")));
}

TEST(FieldValue, TextWithANulIsRefusedSinceReadersWouldCutIt) {
  const Names names = OneField(DataType::kCharStr, 1);
  for (const std::string_view text : {std::string_view("ab\0cd", 5), std::string_view("ab\0", 3),
                                      std::string_view("ab\0d\0", 5)}) {
    EXPECT_THAT(FieldValue::String(text).Check(names, 0),
                StatusIs(StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("field \"x:e\" of det/0/raw"),
                               HasSubstr(absl::StrCat(text.size(), " bytes with a NUL at 2")))));
  }
}

// The words past an array's rank are garbage in real files; what follows a text's NUL is kept.
TEST(FieldValue, OfAFieldOfADatagramIsThatFieldByteForByte) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram configure,
                              Dgram::Make(fixtures::AsBuffer(fixtures::Configure())));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram event, Dgram::Make(fixtures::AsBuffer(fixtures::Event(3)),
                                                             0, configure.configuration()));
  ShapesDataWalk walk(event);
  ASSERT_TRUE(walk.Next());
  const Names& names = walk.shapes_data().names();
  std::string stored;
  FieldWalk fields(walk.shapes_data());
  while (fields.Next()) {
    const FieldValue value = fields.field();
    ALKAID_EXPECT_OK(value.Check(names, static_cast<size_t>(fields.index())));
    const auto bytes = fields.field().bytes();
    EXPECT_EQ(Stored(value), std::string(bytes.begin(), bytes.end()));
    if (value.rank() == 2) {
      EXPECT_EQ(StoredShape(value), fixtures::Bytes(std::vector<uint32_t>{2, 3, 0, 0, 0}));
    }
    stored += Stored(value);
  }
  EXPECT_EQ(stored.size(), 2U + 8 + 24 + 8);
  // An enumeration may be copied to another datagram.
  const std::string edict = fixtures::Dgram(TransitionId::kConfigure,
                                            fixtures::Names(1, "d", 0, "a", {{"v:e", 11, 0}}) +
                                                fixtures::ShapesData(1, "", fixtures::Bytes(7)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram with_enum, Dgram::Make(fixtures::AsBuffer(edict)));
  ShapesDataWalk enums(with_enum);
  ASSERT_TRUE(enums.Next());
  const FieldValue value = enums.shapes_data().field(0).value();
  ALKAID_EXPECT_OK(value.Check(OneField(DataType::kEnumVal, 0), 0));
  EXPECT_EQ(Stored(value), fixtures::Bytes(7));
}

}  // namespace
}  // namespace alkaid::dgram
