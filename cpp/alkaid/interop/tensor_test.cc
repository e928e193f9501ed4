#include "alkaid/interop/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::interop {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ElementType::Kind;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

std::shared_ptr<Buffer> Counting(int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  return Buffer::FromVector(std::move(values));
}

std::vector<int32_t> Values(const Tensor& tensor) {
  std::vector<int32_t> out(static_cast<size_t>(tensor.size()));
  EXPECT_TRUE(tensor.CopyTo({reinterpret_cast<uint8_t*>(out.data()), out.size() * 4}).ok());
  return out;
}

constexpr auto kInt32 = ElementType::Of<int32_t>();

TEST(ElementType, IsNamedAsInNumpy) {
  EXPECT_EQ(ElementType::Of<int16_t>().ToString(), "int16");
  EXPECT_EQ(ElementType::Of<uint8_t>().ToString(), "uint8");
  EXPECT_EQ(ElementType::Of<double>().ToString(), "float64");
  EXPECT_EQ(ElementType::Of<bool>().ToString(), "bool");
  EXPECT_EQ((ElementType{Kind::kComplex, 64}.ToString()), "complex64");
  EXPECT_EQ((ElementType{Kind::kFloat, 32, 4}.ToString()), "float32x4");
  EXPECT_EQ((ElementType{Kind::kBFloat, 16}.ToString()), "bfloat16");
}

TEST(ElementType, ComplexElementsAreAlignedAsTheirParts) {
  EXPECT_EQ((ElementType{Kind::kComplex, 64}.alignment()), 4);
  EXPECT_EQ((ElementType{Kind::kFloat, 32, 4}.alignment()), 4);
  EXPECT_EQ((ElementType{Kind::kFloat, 32, 4}.bytes()), 16);
}

TEST(ElementType, RefusesWhatIsNotKnownByName) {
  for (const ElementType type :
       {ElementType{Kind::kInt, 4}, ElementType{Kind::kInt, 0}, ElementType{Kind::kInt, 24},
        ElementType{Kind::kInt, 32, 0}, ElementType{Kind::kBool, 1}, ElementType{Kind::kBool, 16},
        ElementType{Kind::kFloat, 8}, ElementType{Kind::kBFloat, 32},
        ElementType{Kind::kComplex, 16}, ElementType{static_cast<Kind>(3), 64},
        ElementType{static_cast<Kind>(17), 8}}) {
    EXPECT_THAT(type.Validate(), StatusIs(StatusCode::kUnimplemented, HasSubstr(" bits, ")))
        << type.ToString();
  }
}

TEST(Tensor, IsRowByRowWhereNoStridesAreGiven) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                              Tensor::Make(Counting(10), kInt32, {2, 3}, {}, 8));
  EXPECT_THAT(tensor.strides(), ElementsAre(3, 1));
  EXPECT_EQ(tensor.size(), 6);
  EXPECT_TRUE(tensor.is_contiguous());
  EXPECT_TRUE(tensor.is_aligned());
  EXPECT_EQ(tensor.data(), tensor.buffer()->data() + 8);
  EXPECT_THAT(Values(tensor), ElementsAre(2, 3, 4, 5, 6, 7));
}

TEST(Tensor, StridesMayBeNegativeOrNought) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor back,
                              Tensor::Make(Counting(6), kInt32, {2, 3}, {-3, -1}, 20));
  EXPECT_THAT(Values(back), ElementsAre(5, 4, 3, 2, 1, 0));
  EXPECT_FALSE(back.is_contiguous());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor same, Tensor::Make(Counting(3), kInt32, {2, 3}, {0, 1}));
  EXPECT_THAT(Values(same), ElementsAre(0, 1, 2, 0, 1, 2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor columns,
                              Tensor::Make(Counting(6), kInt32, {3, 2}, {1, 3}));
  EXPECT_THAT(Values(columns), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(Tensor, AScalarIsOneElementAndAnEmptyOneNone) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor scalar, Tensor::Make(Counting(2), kInt32, {}, {}, 4));
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_THAT(Values(scalar), ElementsAre(1));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor none,
                              Tensor::Make(Counting(0), kInt32, {kMax, 0, kMax}));
  EXPECT_EQ(none.size(), 0);
  EXPECT_TRUE(none.is_contiguous());
  EXPECT_THAT(Values(none), IsEmpty());
}

TEST(Tensor, RefusesElementsOutsideItsBuffer) {
  const auto buffer = Counting(6);
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {2, 3}, {}, 4),
              StatusIs(StatusCode::kOutOfRange,
                       AllOf(HasSubstr("(2, 3)"), HasSubstr("has 24"), HasSubstr("offset 4"))));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {7}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {2}, {-1}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {1}, {}, -4), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {0}, {}, 25), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {1}, {}, kMax), StatusIs(StatusCode::kOutOfRange));
}

TEST(Tensor, CountsIn64BitsAndSaysWhenTheyDoNotDo) {
  const auto buffer = Counting(6);
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {kMax, 2}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {kMax}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {3, 3}, {kMax, kMax}),
              StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {3}, {kMin}), StatusIs(StatusCode::kOutOfRange));
  // A product that wraps to a small number.
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {int64_t{1} << 32, int64_t{1} << 32}),
              StatusIs(StatusCode::kOutOfRange));
  // One element, endlessly repeated: it is in the buffer, but a copy would not fit.
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor same, Tensor::Make(buffer, kInt32, {kMax}, {0}));
  EXPECT_THAT(same.Copy(), StatusIs(StatusCode::kOutOfRange));
}

TEST(Tensor, RefusesWhatIsNone) {
  const auto buffer = Counting(6);
  EXPECT_THAT(Tensor::Make(nullptr, kInt32, {1}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {2, -3}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("(2, -3)")));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, {2, 3}, {1}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Tensor::Make(buffer, kInt32, std::vector<int64_t>(65, 1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("64")));
  EXPECT_THAT(Tensor::Make(buffer, {Kind::kInt, 4}, {1}), StatusIs(StatusCode::kUnimplemented));
}

TEST(Tensor, ACopyIsWritableAndAligned) {
  const auto buffer = Buffer::FromString("x" + std::string(16, 'y'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor tensor, Tensor::Make(buffer, kInt32, {2, 2}, {}, 1));
  EXPECT_FALSE(tensor.is_aligned());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Tensor copy, tensor.Copy());
  EXPECT_TRUE(copy.is_aligned());
  EXPECT_TRUE(copy.buffer()->is_mutable());
  EXPECT_EQ(copy.address() % 64, 0U);
  EXPECT_EQ(copy.buffer()->ToString(), std::string(16, 'y'));
  EXPECT_THAT(tensor.CopyTo({}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("16")));
}

// Any shape, strides and offset: refused, or every element is where the formula says.
TEST(Tensor, CopiesTheElementsThatTheFormulaNames) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  const auto draw = [&random](int least, int most) {
    return int64_t{least} +
           static_cast<int64_t>(random() % static_cast<unsigned>(most - least + 1));
  };
  const auto buffer = Counting(60);
  int made = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto rank = static_cast<size_t>(draw(0, 4));
    std::vector<int64_t> shape(rank);
    std::vector<int64_t> strides(rank);
    for (int64_t& dimension : shape) dimension = draw(0, 3);
    for (int64_t& stride : strides) stride = draw(-6, 12);
    const int64_t first = draw(0, 40);
    const auto tensor = Tensor::Make(buffer, kInt32, shape, strides, first * 4);
    std::vector<int32_t> expected;
    bool inside = true;
    std::vector<int64_t> index(rank, 0);
    for (bool more = std::find(shape.begin(), shape.end(), 0) == shape.end(); more;) {
      int64_t element = first;
      for (size_t d = 0; d < rank; ++d) element += index[d] * strides[d];
      inside &= element >= 0 && element < 60;
      expected.push_back(static_cast<int32_t>(element));
      more = false;
      for (size_t d = rank; d-- > 0 && !more;) {
        more = ++index[d] < shape[d];
        if (!more) index[d] = 0;
      }
    }
    ASSERT_EQ(tensor.ok(), inside) << tensor.status();
    if (!inside) continue;
    ++made;
    ASSERT_EQ(Values(*tensor), expected);
  }
  EXPECT_GT(made, 5000);
}

}  // namespace
}  // namespace alkaid::interop
