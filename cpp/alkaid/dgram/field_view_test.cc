#include "alkaid/dgram/field_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Dgram MakeEvent(uint32_t i) {
  const auto configure = Dgram::Make(fixtures::AsBuffer(fixtures::Configure())).value();
  return Dgram::Make(fixtures::AsBuffer(fixtures::Event(i)), 0, configure.configuration()).value();
}

Result<FieldView> Get(const Dgram& dgram, const char* name) {
  ShapesDataWalk walk(dgram);
  if (!walk.Next()) return walk.status();
  return walk.shapes_data().field(name);
}

TEST(FieldView, ReadsScalarsThoughTheyAreMisaligned) {
  const Dgram dgram = MakeEvent(7);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView count, Get(dgram, "count"));
  EXPECT_THAT(count.Scalar<uint16_t>(), IsOkAndHolds(7));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView last, Get(dgram, "last"));
  EXPECT_THAT(last.Scalar<double>(), IsOkAndHolds(7.5));
}

TEST(FieldView, TextEndsAtItsNulOrWithItsShape) {
  const Dgram dgram = MakeEvent(0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView text, Get(dgram, "text"));
  EXPECT_EQ(text.nbytes(), 8);
  EXPECT_THAT(text.String(), IsOkAndHolds(std::string_view("hello")));

  const auto configure = Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(
                                         TransitionId::kConfigure,
                                         fixtures::Names(1, "det", 0, "raw", {{"text", 10, 1}}))))
                             .value();
  const Dgram full =
      Dgram::Make(
          fixtures::AsBuffer(fixtures::Dgram(
              TransitionId::kL1Accept, fixtures::ShapesData(1, fixtures::Shape({4}), "abcdefgh"))),
          0, configure.configuration())
          .value();
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView unended, Get(full, "text"));
  EXPECT_THAT(unended.String(), IsOkAndHolds(std::string_view("abcd")));
}

TEST(FieldView, GivesAnArrayWithItsShape) {
  const Dgram dgram = MakeEvent(10);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView field, Get(dgram, "image"));
  EXPECT_EQ(field.rank(), 2);
  EXPECT_EQ(field.size(), 6);
  ALKAID_ASSERT_OK_AND_ASSIGN(const ArrayView<uint32_t> image, field.Array<uint32_t>());
  EXPECT_THAT(image.shape(), ElementsAre(2, 3));
  EXPECT_EQ(image(1, 2), 15U);
  EXPECT_EQ(image.data(), field.data());
}

TEST(FieldView, AScalarIsAnArrayOfRankZero) {
  const Dgram dgram = MakeEvent(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView field, Get(dgram, "count"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const ArrayView<uint16_t> array, field.Array<uint16_t>());
  EXPECT_EQ(array.rank(), 0);
  EXPECT_EQ(array.size(), 1);
  EXPECT_EQ(array[0], 3);
}

TEST(FieldView, AnotherTypeOrRankIsRefusedNamingBoth) {
  const Dgram dgram = MakeEvent(0);
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView count, Get(dgram, "count"));
  EXPECT_THAT(count.Scalar<int16_t>(),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"count\""), HasSubstr("UINT16"), HasSubstr("INT16"))));
  ALKAID_ASSERT_OK_AND_ASSIGN(const FieldView image, Get(dgram, "image"));
  EXPECT_THAT(image.Scalar<uint32_t>(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("rank 2")));
  EXPECT_THAT(image.Array<float>(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("FLOAT")));
  EXPECT_THAT(image.String(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("CHARSTR")));
}

}  // namespace
}  // namespace alkaid::dgram
