#include "alkaid/core/observers/probes.h"

#include <gtest/gtest.h>

namespace alkaid::internal {
namespace {

// What the kernel does when a tracer starts or stops listening: it counts in the lower half.
void Count(uint32_t* events, int change) {
  auto* const semaphore = reinterpret_cast<uint16_t*>(events);
  *semaphore = static_cast<uint16_t>(*semaphore + change);
}

TEST(Probes, ATracerAndAnObserverOpenTheSameSwitchAndDoNotDisturbOneAnother) {
  EXPECT_FALSE(BlockEventsOn());
  Count(BlockEvents(), 5);
  EXPECT_TRUE(BlockEventsOn());
  EXPECT_FALSE(IsObserved(BlockEvents()));
  SetObserved(BlockEvents(), true);
  Count(BlockEvents(), -5);
  EXPECT_TRUE(BlockEventsOn());
  Count(BlockEvents(), 1);
  SetObserved(BlockEvents(), false);
  EXPECT_TRUE(BlockEventsOn());
  Count(BlockEvents(), -1);
  EXPECT_FALSE(BlockEventsOn());
}

TEST(Probes, TheSwitchesOfBlocksAndOfViewsAreTwo) {
  SetObserved(ViewEvents(), true);
  EXPECT_TRUE(ViewEventsOn());
  EXPECT_FALSE(BlockEventsOn());
  SetObserved(ViewEvents(), false);
  EXPECT_FALSE(ViewEventsOn());
}

}  // namespace
}  // namespace alkaid::internal
