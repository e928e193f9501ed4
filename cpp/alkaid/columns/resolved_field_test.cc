#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "alkaid/columns/resolved_field_internal.h"
#include "fixtures/column_batches.h"

namespace alkaid::columns::internal {
namespace {

using dgram::DataType;
using ::testing::HasSubstr;

std::string Names(uint32_t src, uint32_t type) {
  return samples::fixtures::Names(src, "det", 0, "raw", {{"n", 2, 0}, {"x", type, 1}});
}

TEST(ResolvedField, KnowsEachPlaceOfADeclarationThatCounts) {
  const auto batch = samples::OneBatch(samples::fixtures::Dgram(
      dgram::TransitionId::kConfigure, Names(0x101, 1) + Names(0x102, 8) + Names(0x101, 9)));
  const dgram::Configuration& declared = *batch.origin()->configuration;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto x,
                              ResolvedField::Resolve(&declared, {"det", 0, "raw", "x"}));
  EXPECT_EQ(x.name, "det/0/raw/x");
  ASSERT_EQ(x.places.size(), 2U);
  EXPECT_EQ(x.type, (ColumnType{DataType::kFloat, 1}));
  EXPECT_EQ(x.places[1].type, (ColumnType{DataType::kDouble, 1}));
  EXPECT_EQ(x.places[1].field, 1);
  EXPECT_EQ(x.Find(*declared.Find(dgram::NamesId(1, 1))), &x.places[1]);
  EXPECT_EQ(x.Find(declared.names()[0]), nullptr);  // declared again
}

TEST(ResolvedField, OfNothingThatIsDeclaredSaysSo) {
  const auto batch =
      samples::OneBatch(samples::fixtures::Dgram(dgram::TransitionId::kConfigure, ""));
  EXPECT_THAT(
      ResolvedField::Resolve(batch.origin()->configuration.get(), {"det", 0, "raw", "x"}).status(),
      StatusIs(StatusCode::kNotFound, HasSubstr("there is nothing")));
}

}  // namespace
}  // namespace alkaid::columns::internal
