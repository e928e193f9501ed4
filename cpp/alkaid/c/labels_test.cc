#include <gtest/gtest.h>

#include <thread>

#include "alkaid/c/pools.h"

namespace {

TEST(CLabels, NestAndAreTheThreadsOwn) {
  uint32_t outer = 9;
  uint32_t inner = 9;
  ASSERT_EQ(alkaid_label_push("c.outer", &outer), ALKAID_OK);
  ASSERT_EQ(alkaid_label_push("c.inner", &inner), ALKAID_OK);
  EXPECT_STREQ(alkaid_label_current(), "c.inner");
  std::thread([] { EXPECT_STREQ(alkaid_label_current(), ""); }).join();
  EXPECT_EQ(alkaid_label_pop(inner), ALKAID_OK);
  EXPECT_STREQ(alkaid_label_current(), "c.outer");
  EXPECT_EQ(alkaid_label_pop(outer), ALKAID_OK);
  EXPECT_STREQ(alkaid_label_current(), "");
}

TEST(CLabels, WhatNoPushGaveIsRefused) {
  EXPECT_EQ(alkaid_label_pop(65536), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_label_current(), "");
}

}  // namespace
