#include "tools/support/option_limits.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace alkaid::tools {
namespace {

std::string ErrorOf(const CLI::Validator& validator, std::string text) { return validator(text); }

TEST(OptionLimits, SayWhatIsTakenInFewWords) {
  EXPECT_EQ(ErrorOf(Between(1, 999), "1000"), "1000 is not a whole number from 1 to 999");
  EXPECT_EQ(ErrorOf(Between(1, 999), "many"), "many is not a whole number from 1 to 999");
  EXPECT_EQ(ErrorOf(AtLeast(int64_t{1}), "0"), "0 is not a whole number of 1 or more");
  EXPECT_EQ(ErrorOf(Between(0.0, 1e6), "1e9"), "1e9 is not a number from 0 to 1000000");
  EXPECT_EQ(Between(int64_t{24}, int64_t{4294967307}).get_description(), "from 24 to 4294967307");
}

TEST(OptionLimits, TakeWhatLiesWithin) {
  for (const char* text : {"1", "999"}) EXPECT_EQ(ErrorOf(Between(1, 999), text), "");
  EXPECT_EQ(ErrorOf(AtLeast(0), "0"), "");
  EXPECT_EQ(ErrorOf(Between(0.0, 1e6), "1e6"), "");
}

TEST(OptionLimits, NoNumberIsNotWithinAnything) {
  for (const char* text : {"nan", "-nan", "", "99999999999999999999999"}) {
    EXPECT_NE(ErrorOf(Between(0.0, 1e6), text), "") << text;
    EXPECT_NE(ErrorOf(Between(0, 1000), text), "") << text;
  }
}

TEST(OptionLimits, AWordThatIsNotAmongThemIsComparedWithThem) {
  const CLI::Validator validator = OneOf({"stop", "skip-datagram", "resync"});
  EXPECT_EQ(ErrorOf(validator, "resync"), "");
  EXPECT_EQ(ErrorOf(validator, "resink"),
            "'resink' is not one of stop, skip-datagram, resync; did you mean 'resync'?");
  EXPECT_EQ(ErrorOf(validator, "tape"), "'tape' is not one of stop, skip-datagram, resync");
}

}  // namespace
}  // namespace alkaid::tools
