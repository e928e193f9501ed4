// GoogleTest matchers and macros for Status and Result<T>.
//
//   EXPECT_THAT(pool->Allocate(-1, &p), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
//   EXPECT_THAT(SliceBufferSafe(b, 0, 8), IsOk());
//   ALKAID_ASSERT_OK_AND_ASSIGN(auto buffer, AllocateBuffer(64));
//
// Ownership: a matcher keeps copies of what it was made from.
// Threads: as GoogleTest's own matchers.
// Out of memory: these are for tests; they throw std::bad_alloc.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "alkaid/base/status.h"

namespace alkaid {
namespace internal {

// One class for all three: a code, and a matcher of the message. Takes a Status or any Result.
class StatusMatcher {
 public:
  StatusMatcher(::testing::Matcher<StatusCode> code, ::testing::Matcher<std::string> message)
      : code_(std::move(code)), message_(std::move(message)) {}

  template <typename T>
  bool MatchAndExplain(const T& value, ::testing::MatchResultListener* listener) const {
    const Status& status = StatusOf(value);
    *listener << "whose status is " << status.ToString();
    return code_.Matches(status.code()) && message_.Matches(MessageOf(status));
  }
  void DescribeTo(std::ostream* os) const {
    *os << "has a status code that ";
    code_.DescribeTo(os);
    *os << ", with a message that ";
    message_.DescribeTo(os);
  }
  void DescribeNegationTo(std::ostream* os) const {
    *os << "not (";
    DescribeTo(os);
    *os << ")";
  }

 private:
  ::testing::Matcher<StatusCode> code_;
  ::testing::Matcher<std::string> message_;
};

template <typename ValueMatcher>
class OkAndHoldsMatcher {
 public:
  explicit OkAndHoldsMatcher(ValueMatcher value) : value_(std::move(value)) {}

  template <typename T>
  bool MatchAndExplain(const Result<T>& result, ::testing::MatchResultListener* listener) const {
    if (!result.ok()) {
      *listener << "whose status is " << result.status().ToString();
      return false;
    }
    return ::testing::SafeMatcherCast<const T&>(value_).MatchAndExplain(*result, listener);
  }
  void DescribeTo(std::ostream* os) const { *os << "is OK and holds the value expected"; }
  void DescribeNegationTo(std::ostream* os) const {
    *os << "is not OK, or holds another value than the one expected";
  }

 private:
  ValueMatcher value_;
};

}  // namespace internal

// Matches a Status or Result of this code, whose message (without the code) matches `message`: a
// matcher of std::string, or the very string.
inline auto StatusIs(::testing::Matcher<StatusCode> code,
                     ::testing::Matcher<std::string> message = ::testing::_) {
  return ::testing::MakePolymorphicMatcher(
      internal::StatusMatcher(std::move(code), std::move(message)));
}

// Matches a Status or Result that is OK.
inline auto IsOk() { return StatusIs(StatusCode::kOk); }

// Matches a Result that is OK and whose value matches: a matcher, or the very value.
template <typename ValueMatcher>
auto IsOkAndHolds(ValueMatcher value) {
  return ::testing::MakePolymorphicMatcher(
      internal::OkAndHoldsMatcher<ValueMatcher>(std::move(value)));
}

}  // namespace alkaid

// Like GoogleTest's own, each is one statement.
#define ALKAID_EXPECT_OK(...) EXPECT_THAT((__VA_ARGS__), ::alkaid::IsOk())
#define ALKAID_ASSERT_OK(...) ASSERT_THAT((__VA_ARGS__), ::alkaid::IsOk())

// Declares or assigns `lhs` from a Result, or fails the test and returns from it.
#define ALKAID_ASSERT_OK_AND_ASSIGN(lhs, ...) \
  ALKAID_ASSERT_OK_AND_ASSIGN_IMPL_(ALKAID_CONCAT_(alkaid_result_, __COUNTER__), lhs, (__VA_ARGS__))
#define ALKAID_ASSERT_OK_AND_ASSIGN_IMPL_(result, lhs, rexpr) \
  lhs = __extension__({                                       \
    auto&& result = rexpr;                                    \
    ASSERT_THAT(result, ::alkaid::IsOk());                    \
    std::move(result).value();                                \
  })
