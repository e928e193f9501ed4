#include "alkaid/base/version.h"

#include <gtest/gtest.h>

#include <string>

namespace alkaid {
namespace {

TEST(Version, OfTheLoadedLibraryIsThatOfTheHeaders) {
  EXPECT_STREQ(Version(), ALKAID_VERSION_STRING);
}

TEST(Version, TextAndNumbersAgree) {
  EXPECT_EQ(std::string(ALKAID_VERSION_STRING), std::to_string(ALKAID_VERSION_MAJOR) + "." +
                                                    std::to_string(ALKAID_VERSION_MINOR) + "." +
                                                    std::to_string(ALKAID_VERSION_PATCH));
}

}  // namespace
}  // namespace alkaid
