#include "alkaid/interop/arrow_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::interop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = ElementType::Kind;

template <typename T>
std::shared_ptr<Buffer> Values(std::vector<T> values) {
  return Buffer::FromVector(std::move(values));
}

Status Check(const std::string& format, int64_t length,
             std::vector<std::shared_ptr<Buffer>> buffers, int64_t child_length = -1) {
  Field field;
  field.format = format;
  field.name = "pixels";
  ArrayData array;
  array.length = length;
  array.buffers = std::move(buffers);
  if (child_length >= 0) {
    field.children.resize(1);
    field.children[0].format = "c";
    array.children.push_back(MakeFixedWidth(
        child_length, Buffer::FromString(std::string(static_cast<size_t>(child_length), 'x'))));
  }
  return Validate(field, array);
}

TEST(FormatOf, IsArrowsLetter) {
  EXPECT_THAT(FormatOf(ElementType::Of<int8_t>()), IsOkAndHolds("c"));
  EXPECT_THAT(FormatOf(ElementType::Of<uint16_t>()), IsOkAndHolds("S"));
  EXPECT_THAT(FormatOf(ElementType::Of<int64_t>()), IsOkAndHolds("l"));
  EXPECT_THAT(FormatOf(ElementType::Of<float>()), IsOkAndHolds("f"));
  EXPECT_THAT(FormatOf({Kind::kFloat, 16}), IsOkAndHolds("e"));
  EXPECT_THAT(FormatOf(ElementType::Of<bool>()), IsOkAndHolds("C"));
  EXPECT_THAT(FormatOf({Kind::kComplex, 64}),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("complex64")));
  EXPECT_THAT(FormatOf({Kind::kInt, 128}), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(FormatOf({Kind::kInt, 32, 2}), StatusIs(StatusCode::kUnimplemented));
}

TEST(Validate, NamesTheColumnTheBufferAndBothSizes) {
  EXPECT_THAT(Check("i", 4, {nullptr, Values<int32_t>({1, 2, 3})}),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"pixels\""), HasSubstr("12 bytes in buffer 1"),
                             HasSubstr("4 elements of 32 bits"))));
  EXPECT_THAT(Check("b", 9, {nullptr, Values<uint8_t>({1})}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Check("b", 8, {Values<uint8_t>({}), Values<uint8_t>({1})}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("buffer 0")));
  EXPECT_THAT(Check("w:9223372036854775807", 2, {nullptr, nullptr}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Check("w:2147483647", int64_t{1} << 62, {nullptr, nullptr}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(Validate, OffsetsStayInsideWhatTheyPointTo) {
  const auto text = Buffer::FromString("abcd");
  EXPECT_TRUE(Check("u", 2, {nullptr, Values<int32_t>({0, 2, 4}), text}).ok());
  for (const auto& offsets : {Values<int32_t>({0, 2, 5}), Values<int32_t>({-1, 2, 4}),
                              Values<int32_t>({0, 3, 2}), Values<int32_t>({0, 2})}) {
    EXPECT_THAT(Check("u", 2, {nullptr, offsets, text}), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_TRUE(Check("+L", 1, {nullptr, Values<int64_t>({1, 3})}, 3).ok());
  EXPECT_THAT(Check("+L", 1, {nullptr, Values<int64_t>({1, 4})}, 3),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("offset 4")));
}

TEST(Validate, ListViewsMayBeInAnyOrderInsideTheirChild) {
  const auto check = [](std::vector<int32_t> offsets, std::vector<int32_t> sizes) {
    return Check("+vl", 2, {nullptr, Values(std::move(offsets)), Values(std::move(sizes))}, 4);
  };
  EXPECT_TRUE(check({2, 0}, {2, 3}).ok());
  EXPECT_THAT(check({2, 0}, {3, 3}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("from 2")));
  EXPECT_THAT(check({2, -1}, {2, 3}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(check({2, 0}, {2, -3}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(check({2}, {2, 3}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(Validate, ViewsOfTextPointIntoTheBuffersThatAreThere) {
  const auto check = [](std::vector<int32_t> view) {
    return Check("vu", 1,
                 {nullptr, Values(std::move(view)), Buffer::FromString("0123456789abcdef")});
  };
  EXPECT_TRUE(check({3, 0, 0, 0}).ok());
  EXPECT_TRUE(check({13, 0, 0, 3}).ok());
  for (const auto& view : std::vector<std::vector<int32_t>>{
           {13, 0, 0, 4}, {13, 0, 1, 0}, {13, 0, -1, 0}, {13, 0, 0, -1}, {-1, 0, 0, 0}}) {
    EXPECT_THAT(check(view), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(Validate, ChildrenAreAsLongAsTheirParentNeeds) {
  EXPECT_TRUE(Check("+s", 3, {nullptr}, 3).ok());
  EXPECT_THAT(Check("+s", 3, {nullptr}, 2), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_TRUE(Check("+w:2", 3, {nullptr}, 6).ok());
  EXPECT_THAT(Check("+w:2", 3, {nullptr}, 5), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Check("+w:2147483647", int64_t{1} << 62, {nullptr}, 5),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Check("+w:2", 0, {nullptr}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(Validate, FieldsInOneAnotherHaveALimit) {
  Field field;
  field.format = "i";
  ArrayData array = MakeFixedWidth(0, nullptr);
  for (int i = 0; i < 70; ++i) {
    Field outer;
    outer.format = "+s";
    outer.children.push_back(std::move(field));
    field = std::move(outer);
    ArrayData holder;
    holder.buffers = {nullptr};
    holder.children.push_back(std::move(array));
    array = std::move(holder);
  }
  EXPECT_THAT(Validate(field, array), StatusIs(StatusCode::kInvalidArgument, HasSubstr("64")));
}

}  // namespace
}  // namespace alkaid::interop
