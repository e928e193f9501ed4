// `alkaid heap retention` as people use it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "fixtures/made_heap.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = heap::fixtures;
using heap::HeapContents;
using heap::HeapView;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Two batches of 64 MiB: a view shows 100 kB of the first, and two views show all but a byte of the
// second.
HeapContents TwoBatches() {
  constexpr int64_t kBatch = 64 << 20;
  HeapContents contents = fixtures::EmptyContents("signal 1");
  contents.has_views = true;
  contents.blocks = {fixtures::Block(0x10000000, kBatch, 1),
                     fixtures::Block(0x20000000, kBatch, 2)};
  const auto view = [&](uint64_t root, uint64_t offset, int64_t size, uint32_t stack) {
    contents.views.push_back({0x1000 + contents.views.size(), root / 16, root + offset, size, root,
                              kBatch, 150 * fixtures::kSecond, stack, 4712});
  };
  view(0x10000000, 0, 40'000'000, 1);
  view(0x10000000, 30'000'000, kBatch - 30'000'001, 1);
  view(0x20000000, 5000, 100'000, 2);
  contents.sources = {{0x20000000, kBatch, 8192, "run.xtc2", 0, 2}};
  contents.times = {{0x20000000, 1'700'000'000'000'000'001},
                    {0x20000100, 1'700'000'000'000'000'002}};
  return contents;
}

class HeapRetention : public ::testing::Test {
 protected:
  std::string File(HeapContents contents) const {
    return folder_.Write(
        "views.heap", fixtures::FileBytes(heap::HeapSnapshot::Make(std::move(contents)).value()));
  }
  const TestFolder folder_;
};

TEST_F(HeapRetention, PrintsTheRootThatHidesMostFirstAndWhoHoldsIt) {
  const CommandResult result = RunCommand({"heap", "retention", File(TwoBatches())});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              StartsWith("Views: process 4711: ./reader --runs 7\n"
                         "  2023-11-14 22:14:20 UTC, 1 min 00 s after tracking began\n"
                         "2 roots held by 3 views: 128.0 MiB held, 64.1 MiB visible (50.1 %), "
                         "63.9 MiB hidden\n"
                         "\n"
                         "1. 64.0 MiB held, 97.7 KiB visible (0.1 %) in 1 view  dgram.batch, "
                         "mimalloc\n"
                         "   run.xtc2 from byte 8192, times 1700000000.000000001 to "
                         "1700000000.000000002, visible 1700000000.000000002 to "
                         "1700000000.000000002\n"));
  EXPECT_THAT(result.out, HasSubstr("     #0  reader + 0x1300\n"));
  EXPECT_THAT(result.out, HasSubstr("\n2. 64.0 MiB held, 64.0 MiB visible (100.0 %) in 2 views"));
  EXPECT_THAT(RunCommand({"heap", "retention", File(TwoBatches()), "--top", "1"}).out,
              HasSubstr("\nand 1 further root\n"));
}

TEST_F(HeapRetention, OrdersToTheTerminalInNamesAreWrittenOut) {
  HeapContents contents = TwoBatches();
  const std::string hostile = "n\x9b\xff\xc2\x9b<\xe2\x80\xae>\x7f\n";
  for (std::string& label : contents.labels) label = label.empty() ? "" : hostile;
  for (heap::HeapPool& pool : contents.pools) pool.name = hostile;
  for (heap::HeapModule& module : contents.modules) module.path = "/" + hostile;
  contents.sources[0].name = hostile;
  const std::string file = File(std::move(contents));
  for (const char* form : {"--top=9", "--json"}) {
    const CommandResult result = RunCommand({"heap", "retention", file, form});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const char c : result.out) {
      ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << result.out;
    }
  }
}

TEST_F(HeapRetention, PrintsTheSameAsJson) {
  const CommandResult result = RunCommand({"heap", "retention", File(TwoBatches()), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["root_count"], 2);
  EXPECT_EQ(json["view_count"], 3);
  EXPECT_EQ(json["root_bytes"], 128 << 20);
  EXPECT_EQ(json["visible_bytes"], (64 << 20) - 1 + 100'000);
  const auto& worst = json["roots"][0];
  EXPECT_EQ(worst["visible_bytes"], 100'000);
  EXPECT_EQ(worst["source"], "run.xtc2");
  EXPECT_EQ(worst["source_offset"], 8192);
  EXPECT_EQ(worst["first_time_ns"], "1700000000000000001");
  EXPECT_EQ(worst["oldest_view_age_ns"], 10'000'000'000);
  EXPECT_EQ(worst["holders"][0]["oldest_age_ns"], 10'000'000'000);
  EXPECT_TRUE(json["roots"][1]["first_time_ns"].is_null());
  EXPECT_EQ(worst["label"], "dgram.batch");
  EXPECT_EQ(worst["holders"][0]["views"], 1);
  EXPECT_EQ(worst["holders"][0]["thread"], 4712);
  EXPECT_EQ(worst["holders"][0]["frames"].size(), 2U);
  EXPECT_TRUE(json["roots"][1]["source_offset"].is_null());
}

TEST_F(HeapRetention, SaysHowViewsAreTrackedWhereTheFileHasNone) {
  const CommandResult result =
      RunCommand({"heap", "retention", File(fixtures::EmptyContents("plain"))});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("ALKAID_TRACK_ALLOCATIONS=views"));
}

TEST_F(HeapRetention, WhatIsNoHeapFileIsRefused) {
  const CommandResult result =
      RunCommand({"heap", "retention", folder_.Write("no.heap", "something else")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("is not a heap file"));
}

}  // namespace
}  // namespace alkaid::tools
