#include "alkaid/testing/matchers.h"

#include <gtest/gtest-spi.h>

#include <memory>
#include <utility>

namespace alkaid {
namespace {

using ::testing::AnyOf;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Matchers, IsOkTellsSuccessFromFailureForStatusAndResult) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(Result<int>(7), IsOk());
  EXPECT_THAT(status::Invalid("no"), Not(IsOk()));
  EXPECT_THAT(Result<int>(status::Invalid("no")), Not(IsOk()));
}

TEST(Matchers, StatusIsComparesCodeAndMessage) {
  const Status failed = status::Invalid("alignment -64 is no power of two");
  EXPECT_THAT(failed, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(failed, StatusIs(StatusCode::kInvalidArgument, HasSubstr("-64")));
  EXPECT_THAT(failed, StatusIs(AnyOf(StatusCode::kInvalidArgument, StatusCode::kOutOfRange)));
  EXPECT_THAT(failed, Not(StatusIs(StatusCode::kOutOfRange)));
  EXPECT_THAT(failed, Not(StatusIs(StatusCode::kInvalidArgument, HasSubstr("-65"))));
}

TEST(Matchers, IsOkAndHoldsLooksAtTheValue) {
  EXPECT_THAT(Result<int>(7), IsOkAndHolds(7));
  EXPECT_THAT(Result<int>(7), IsOkAndHolds(Gt(6)));
  EXPECT_THAT(Result<int>(7), Not(IsOkAndHolds(8)));
  EXPECT_THAT(Result<int>(status::Invalid("no")), Not(IsOkAndHolds(7)));
}

TEST(Matchers, AFailureSaysWhatTheStatusWas) {
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(status::OutOfMemory("17 bytes"), IsOk()), "17 bytes");
}

TEST(Matchers, AssignTakesTheValueOut) {
  ALKAID_ASSERT_OK_AND_ASSIGN(auto owner, Result<std::unique_ptr<int>>(std::make_unique<int>(3)));
  EXPECT_EQ(*owner, 3);
}

Result<std::pair<int, int>> Pair(bool fail) {
  if (fail) return status::DataLoss("no pair");
  return std::pair(3, 4);
}

TEST(Matchers, TheMacrosAreOneStatementEachAndTakeCommas) {
  std::pair<int, int> pair;
  if (pair.first == 0)
    ALKAID_ASSERT_OK_AND_ASSIGN(pair, Pair(false));
  else
    ADD_FAILURE() << "the other branch";
  EXPECT_EQ(pair.second, 4);
  if (pair.first == 0)
    ALKAID_EXPECT_OK(Pair(true));
  else
    ALKAID_ASSERT_OK(Result<std::pair<int, int>>(pair));
}

void AssignFromAFailure() {
  ALKAID_ASSERT_OK_AND_ASSIGN(const int value, Result<int>(status::DataLoss("torn at byte 12")));
  ADD_FAILURE() << "went on with " << value;
}

TEST(Matchers, AssignStopsTheTestOnFailure) {
  EXPECT_FATAL_FAILURE(AssignFromAFailure(), "torn at byte 12");
}

}  // namespace
}  // namespace alkaid
