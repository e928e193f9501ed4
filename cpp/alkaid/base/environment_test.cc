#include "alkaid/base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace alkaid::internal {
namespace {

TEST(Environment, SetToNothingIsAsGoodAsNotSet) {
  const char* name = "ALKAID_TEST_OF_ENVIRONMENT";
  unsetenv(name);
  EXPECT_EQ(GetEnvironment(name), "");
  setenv(name, "", 1);
  EXPECT_EQ(GetEnvironment(name), "");
  setenv(name, "value", 1);
  EXPECT_EQ(GetEnvironment(name), "value");
  unsetenv(name);
}

TEST(Environment, EveryHonouredVariableIsListedOnceWithItsMeaning) {
  std::set<std::string> names;
  for (const EnvironmentVariable& variable : HonouredEnvironmentVariables()) {
    EXPECT_TRUE(variable.name.starts_with("ALKAID_")) << variable.name;
    EXPECT_FALSE(variable.meaning.empty()) << variable.name;
    EXPECT_TRUE(names.insert(variable.name).second) << variable.name;
  }
  EXPECT_TRUE(names.contains(kDefaultMemoryPoolVariable));
  EXPECT_TRUE(names.contains(kDebugMemoryPoolVariable));
  EXPECT_TRUE(names.contains(kGuardedSamplingVariable));
  EXPECT_TRUE(names.contains(kReadQueueVariable));
  EXPECT_TRUE(names.contains(kHeapAtExitVariable));
  EXPECT_TRUE(names.contains(kHeapOwnerVariable));
  EXPECT_TRUE(names.contains(kHeapSignalVariable));
  EXPECT_TRUE(names.contains(kHeapFileVariable));
  EXPECT_TRUE(names.contains(kTraceGrowthVariable));
  EXPECT_TRUE(names.contains(kReservationsVariable));
  EXPECT_TRUE(names.contains(kLeakProfileVariable));
  EXPECT_TRUE(names.contains(kProfileReleaseAtVariable));
  EXPECT_TRUE(names.contains(kProfileLeakMbVariable));
  EXPECT_TRUE(names.contains(kProfileLeakByVariable));
}

}  // namespace
}  // namespace alkaid::internal
