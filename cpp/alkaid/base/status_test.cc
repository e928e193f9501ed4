#include "alkaid/base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>

namespace alkaid {
namespace {

Status FailIf(bool fail) {
  return fail ? status::Invalid("asked for ", -3, ", the least is ", 0) : absl::OkStatus();
}

Result<int> Half(int value) {
  if (value % 2 != 0) return status::Invalid(value, " is odd");
  return value / 2;
}

Status Twice(bool fail, bool* reached) {
  ALKAID_RETURN_NOT_OK(FailIf(fail));
  *reached = true;
  ALKAID_RETURN_NOT_OK(Half(3));
  return absl::OkStatus();
}

Result<std::unique_ptr<int>> Quarter(int value) {
  ALKAID_ASSIGN_OR_RAISE(const int half, Half(value));
  ALKAID_ASSIGN_OR_RAISE(const int quarter, Half(half));
  return std::make_unique<int>(quarter);
}

// Each macro as the only statement of a branch, where several statements would not compile.
Result<int> HalvedOften(int value, bool check, int times) {
  if (check)
    ALKAID_RETURN_NOT_OK(FailIf(value < 0));
  else
    value = -value;
  for (int i = 0; i < times; ++i) ALKAID_ASSIGN_OR_RAISE(value, Half(value));
  if (value == 7)
    ALKAID_ASSIGN_OR_RAISE(value, Half(14));
  else
    value += 1;
  return value;
}

template <typename Key, typename Value>
Result<std::map<Key, Value>> One(Key key, Value value) {
  return std::map<Key, Value>{{key, value}};
}

// Commas outside parentheses.
Result<size_t> CountPairs() {
  ALKAID_RETURN_NOT_OK(One<int, long>(1, 2));
  ALKAID_ASSIGN_OR_RAISE(const auto& pairs, One<int, long>(1, 2));
  return pairs.size();
}

TEST(Status, EachKindOfFailureHasItsCode) {
  EXPECT_EQ(status::OutOfMemory("").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status::Invalid("").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status::IndexError("").code(), StatusCode::kOutOfRange);
  EXPECT_EQ(status::DataLoss("").code(), StatusCode::kDataLoss);
  EXPECT_EQ(status::NotImplemented("").code(), StatusCode::kUnimplemented);
  EXPECT_EQ(status::KeyError("").code(), StatusCode::kNotFound);
  EXPECT_EQ(status::AlreadyExists("").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(status::FailedPrecondition("").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(status::IOError(ENOENT, "open").code(), StatusCode::kNotFound);
}

TEST(Status, AMessageJoinsItsParts) {
  EXPECT_EQ(FailIf(true).message(), "asked for -3, the least is 0");
}

TEST(Status, ReturnNotOkPassesTheFirstFailureUp) {
  bool reached = false;
  EXPECT_EQ(Twice(true, &reached).message(), "asked for -3, the least is 0");
  EXPECT_FALSE(reached);
  EXPECT_EQ(Twice(false, &reached).message(), "3 is odd");
  EXPECT_TRUE(reached);
}

TEST(Status, AssignOrRaiseMovesTheValueOrPassesTheFailureUp) {
  EXPECT_EQ(*Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).status().message(), "3 is odd");
}

TEST(Status, TheMacrosAreOneStatementEach) {
  EXPECT_EQ(HalvedOften(28, true, 2).value(), 7);
  EXPECT_EQ(HalvedOften(8, true, 1).value(), 5);
  EXPECT_EQ(HalvedOften(8, false, 0).value(), -7);
  EXPECT_EQ(HalvedOften(-1, true, 0).status().message(), "asked for -3, the least is 0");
  EXPECT_EQ(HalvedOften(6, true, 2).status().message(), "3 is odd");
}

TEST(Status, TheMacrosTakeCommas) { EXPECT_EQ(CountPairs().value(), 1U); }

}  // namespace
}  // namespace alkaid
