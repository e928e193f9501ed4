// Memory runs out in the functions of jemalloc alone (pools_failure_test.cc).
#include <memory>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/jemalloc_arena.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using enum failing::OutOfMemory;

// Made beforehand: text that a caller makes of a literal is the caller's memory.
const std::string kLong = "a name that no std::string has room for in itself";

TEST(PoolsOutOfMemory, Jemalloc) {
  MemoryPool* pool = nullptr;
  if (!jemalloc_memory_pool(&pool).ok()) GTEST_SKIP() << "built without jemalloc";
  FailureSuite::Try(
      "jemalloc_set_decay_ms", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return jemalloc_set_decay_ms(10'000); }, [](int&) { return ""; });
  FailureSuite::Try(
      "jemalloc_get_stat", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return jemalloc_get_stat("arenas.narenas"); },
      [](int&, int64_t value) { return absl::StrCat(value > 0); });
  FailureSuite::Try(
      "jemalloc_get_stat of none", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return jemalloc_get_stat(kLong.c_str()); }, [](int&, int64_t) { return ""; });
  FailureSuite::Try(
      "jemalloc_peak_reset", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return jemalloc_peak_reset(); }, [](int&) { return ""; });
  // Checks that it is complete: figures change a little from call to call.
  const auto is_whole = [](const std::string& text) {
    return text.ends_with("--- End jemalloc statistics ---\n") ? "whole" : "cut";
  };
  FailureSuite::Try(
      "jemalloc_stats_string", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return jemalloc_stats_string("abl"); },
      [&](int&, const std::string& text) { return is_whole(text); });
  FailureSuite::Try(
      "jemalloc_stats_print", kStatus, [](MemoryPool*) { return std::string(); },
      [](std::string& text) {
        text.clear();
        return jemalloc_stats_print([&text](const char* piece) { text += piece; }, "abl");
      },
      [&](std::string& text) { return is_whole(text); });
  FailureSuite::Try(
      "MakeJemallocArena", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return internal::MakeJemallocArena(1 << 20); }, [](int&, unsigned) { return ""; });
}

TEST(Jemalloc, WhatTheReportsWriterThrowsPassesThroughAndJemallocGoesOn) {
  MemoryPool* pool = nullptr;
  if (!jemalloc_memory_pool(&pool).ok()) GTEST_SKIP() << "built without jemalloc";
  int calls = 0;
  EXPECT_THROW((void)jemalloc_stats_print([&](const char*) {
                 ++calls;
                 throw std::runtime_error("written enough");
               }),
               std::runtime_error);
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(jemalloc_stats_string("abl"), IsOk());
}

}  // namespace
}  // namespace alkaid
