#include "alkaid/base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

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

TEST(Environment, EveryVariableIsListedOnceWithItsMeaning) {
  std::set<std::string> names;
  bool scripts = false;
  for (const EnvironmentVariable& variable : EnvironmentVariables()) {
    EXPECT_TRUE(variable.name.starts_with("ALKAID_")) << variable.name;
    EXPECT_FALSE(variable.meaning.empty()) << variable.name;
    EXPECT_TRUE(names.insert(variable.name).second) << variable.name;
    EXPECT_FALSE(ReadAtText(variable.read_at).empty()) << variable.name;
    EXPECT_GE(variable.read_at == ReadAt::kScripts, scripts) << variable.name << " comes too late";
    scripts = variable.read_at == ReadAt::kScripts;
  }
  for (const char* name :
       {kDefaultMemoryPoolVariable, kDebugMemoryPoolVariable, kGuardedSamplingVariable,
        kReadQueueVariable, kTrackAllocationsVariable, kHeapAtExitVariable, kHeapOwnerVariable,
        kHeapSignalVariable, kHeapFileVariable, kHeapAtStampsVariable, kExitSignalsVariable,
        kTraceGrowthVariable, kReservationsVariable, kLeakProfileVariable,
        kProfileReleaseAtVariable, kProfileLeakMbVariable, kProfileLeakByVariable}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(Environment, WhatIsSetAndNotListedIsReportedWithTheNearestName) {
  ASSERT_EQ(::setenv(kReadQueueVariable, "inline", 0), 0);
  EXPECT_TRUE(UnknownEnvironmentVariables().empty());
  ASSERT_EQ(::setenv("ALKAID_HEAP_AT_EXT", "", 1), 0);
  EXPECT_TRUE(UnknownEnvironmentVariables().empty());
  ASSERT_EQ(::setenv("ALKAID_HEAP_AT_EXT", "x", 1), 0);
  EXPECT_EQ(
      UnknownEnvironmentVariables(),
      std::vector<std::string>{"ALKAID_HEAP_AT_EXT is set, but is not a variable of Alkaid; did "
                               "you mean ALKAID_HEAP_AT_EXIT?"});
  ASSERT_EQ(::unsetenv("ALKAID_HEAP_AT_EXT"), 0);
  ASSERT_EQ(::setenv("ALKAID_ROOT", "/opt/alkaid", 1), 0);  // for CMake
  EXPECT_TRUE(UnknownEnvironmentVariables().empty());
  ASSERT_EQ(::unsetenv("ALKAID_ROOT"), 0);
  const std::string long_name = "ALKAID_\x1b" + std::string(100'000, 'x');
  ASSERT_EQ(::setenv(long_name.c_str(), "1", 1), 0);
  ASSERT_EQ(UnknownEnvironmentVariables().size(), 1U);
  EXPECT_LT(UnknownEnvironmentVariables()[0].size(), 200U);
  EXPECT_EQ(UnknownEnvironmentVariables()[0].find('\x1b'), std::string::npos);
  ASSERT_EQ(::unsetenv(long_name.c_str()), 0);
}

}  // namespace
}  // namespace alkaid::internal
