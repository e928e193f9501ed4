#include "alkaid/core/pools/absent_backends.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid {
namespace {

TEST(AbsentBackends, EachBuiltInBackendIsThereOrItIsSaidWhyNot) {
  for (const std::string name : {"mimalloc", "jemalloc", "system"}) {
    const auto backends = MemoryBackends();
    const bool there =
        std::ranges::any_of(backends, [&](const MemoryBackend& b) { return b.name == name; });
    const auto absent = AbsentMemoryBackends();
    const auto found =
        std::ranges::find_if(absent, [&](const AbsentBackend& b) { return b.name == name; });
    EXPECT_NE(there, found != absent.end()) << name;
    if (found != absent.end()) {
      EXPECT_NE(found->reason, "") << name;
    }
  }
}

}  // namespace
}  // namespace alkaid
