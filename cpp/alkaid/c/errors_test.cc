#include "alkaid/c/errors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "alkaid/base/version.h"
#include "alkaid/c/handles_internal.h"

namespace alkaid::c {
namespace {

TEST(CErrors, TheLastMessageIsTheThreadsOwn) {
  alkaid_clear_error();
  Fail("here", status::Invalid("wrong"));
  std::thread([] {
    EXPECT_STREQ(alkaid_last_error(), "");
    Fail("there", status::DataLoss("torn"));
    EXPECT_STREQ(alkaid_last_error(), "there: torn");
  }).join();
  EXPECT_STREQ(alkaid_last_error(), "here: wrong");
  alkaid_clear_error();
  EXPECT_STREQ(alkaid_last_error(), "");
}

TEST(CErrors, EveryCodeHasANumberOfItsOwnThatStays) {
  const std::pair<StatusCode, alkaid_status> codes[] = {
      {StatusCode::kResourceExhausted, 1}, {StatusCode::kInvalidArgument, 2},
      {StatusCode::kOutOfRange, 3},        {StatusCode::kDataLoss, 4},
      {StatusCode::kUnimplemented, 5},     {StatusCode::kNotFound, 6},
      {StatusCode::kAlreadyExists, 7},     {StatusCode::kFailedPrecondition, 8},
      {StatusCode::kPermissionDenied, 9},  {StatusCode::kUnavailable, 10},
      {StatusCode::kCancelled, 11},        {StatusCode::kDeadlineExceeded, 12},
      {StatusCode::kAborted, 13},          {StatusCode::kUnauthenticated, 14},
      {StatusCode::kInternal, 15},         {StatusCode::kUnknown, 16}};
  std::set<std::string> names = {alkaid_status_name(ALKAID_OK)};
  for (const auto& [from, number] : codes) {
    EXPECT_EQ(Fail("f", Status(from, "")), number);
    names.insert(alkaid_status_name(number));
  }
  EXPECT_EQ(names.size(), std::size(codes) + 1);
  EXPECT_FALSE(names.contains("(unknown status)"));
  EXPECT_STREQ(alkaid_status_name(17), "(unknown status)");
  EXPECT_STREQ(alkaid_status_name(-1), "(unknown status)");
  EXPECT_EQ(Fail("f", Status(static_cast<StatusCode>(99), "")), ALKAID_UNKNOWN);
}

TEST(CErrors, AMessageThatIsTooLongIsCutBetweenCharacters) {
  for (int shift = 0; shift < 3; ++shift) {
    std::string message(static_cast<size_t>(shift), 'x');
    while (message.size() < 5000) message += "ä";
    Fail("f", status::Invalid(message));
    const std::string kept = alkaid_last_error();
    EXPECT_LE(kept.size(), 4095U);
    EXPECT_GE(kept.size(), 4094U);
    EXPECT_EQ(("f: " + message).substr(0, kept.size()), kept);
    EXPECT_EQ(static_cast<unsigned char>(kept.back()), 0xa4) << "half a character at the end";
  }
}

TEST(CErrors, AMessageMayBeMadeOfTheLastOne) {
  Fail("first", status::Invalid("a"));
  const Status status(StatusCode::kInvalidArgument, alkaid_last_error());
  Fail("second", status);
  EXPECT_STREQ(alkaid_last_error(), "second: first: a");
}

TEST(CErrors, TheVersionIsTheLibrarys) {
  EXPECT_STREQ(alkaid_version(), Version());
  EXPECT_EQ(alkaid_c_abi(), ALKAID_C_ABI);
}

}  // namespace
}  // namespace alkaid::c
