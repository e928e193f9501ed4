#include "alkaid/heap/reports/heap_diff.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/made_heap.h"

namespace alkaid::heap {
namespace {

using fixtures::Block;
using fixtures::Snapshot;

TEST(HeapDiff, OfASnapshotAndItselfIsNothing) {
  const HeapSnapshot one = Snapshot("one", {Block(0x1000, 64, 1), Block(0x2000, 64, 2)});
  const HeapDiff diff = Diff(one, one);
  EXPECT_EQ(diff.total.bytes(), 0);
  EXPECT_EQ(diff.total.blocks(), 0);
  EXPECT_TRUE(diff.freed_blocks.empty());
  EXPECT_TRUE(diff.new_blocks.empty());
  EXPECT_TRUE(diff.by_label.empty());
  EXPECT_TRUE(diff.by_pool.empty());
  EXPECT_TRUE(diff.by_thread.empty());
  EXPECT_TRUE(diff.by_stack.empty());
  EXPECT_TRUE(diff.same_process);
  EXPECT_FALSE(diff.estimated);
}

TEST(HeapDiff, TellsWhatWasFreedAndWhatIsNew) {
  const HeapSnapshot before =
      Snapshot("before", {Block(0x1000, 64, 1), Block(0x2000, 100, 2), Block(0x9000, 7, 3)});
  const HeapSnapshot after = Snapshot("after", {Block(0x500, 1000, 9), Block(0x1000, 64, 1),
                                                Block(0x3000, 50, 8), Block(0x9000, 7, 3)});
  const HeapDiff diff = Diff(before, after);
  EXPECT_EQ(diff.total.bytes(), 950);
  EXPECT_EQ(diff.total.blocks(), 1);
  EXPECT_EQ(diff.total.freed_bytes, 100);
  EXPECT_EQ(diff.total.new_bytes, 1050);
  EXPECT_EQ(diff.freed_blocks, std::vector<uint32_t>{1});
  EXPECT_EQ(diff.new_blocks, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(diff.total.oldest_ns, 30 * fixtures::kSecond);
}

TEST(HeapDiff, ABlockAtAnAddressThatWasUsedBeforeIsAnother) {
  const HeapSnapshot before = Snapshot("before", {Block(0x1000, 64, 1)});
  const HeapSnapshot after = Snapshot("after", {Block(0x1000, 64, 2)});
  const HeapDiff diff = Diff(before, after);
  EXPECT_EQ(diff.total.bytes(), 0);
  EXPECT_EQ(diff.freed_blocks, std::vector<uint32_t>{0});
  EXPECT_EQ(diff.new_blocks, std::vector<uint32_t>{0});
}

// A parent and its child both continue from the same serial.
TEST(HeapDiff, ABlockOfTheSameSerialThatWasBornAtAnotherMomentIsAnother) {
  HeapBlock in_child = Block(0x1000, 64, 1);
  ++in_child.birth_ns;
  const HeapDiff diff =
      Diff(Snapshot("parent", {Block(0x1000, 64, 1)}), Snapshot("child", {in_child}));
  EXPECT_TRUE(diff.same_process);
  EXPECT_EQ(diff.freed_blocks, std::vector<uint32_t>{0});
  EXPECT_EQ(diff.new_blocks, std::vector<uint32_t>{0});
}

TEST(HeapDiff, FiguresThatDoNotFitTogetherCountAsTheGreatest) {
  constexpr int64_t kMax = INT64_MAX;
  const HeapSnapshot before =
      Snapshot("before", {Block(0x1000, kMax, 1, 1, 1), Block(0x2000, 5, 2, 1, 2)});
  const HeapSnapshot after =
      Snapshot("after", {Block(0x3000, kMax, 1, 1, 1), Block(0x4000, 5, 2, 1, 2)});
  const HeapDiff diff = Diff(before, after);
  ASSERT_EQ(diff.by_label.size(), 2U);
  EXPECT_EQ(diff.by_label[0].name, "dgram.batch");
  EXPECT_EQ(diff.by_label[0].bytes(), 0);
  EXPECT_EQ(diff.by_label[1].name, "images");
}

TEST(HeapDiff, GroupsByLabelPoolThreadAndStackTraceGreatestChangeFirst) {
  HeapBlock in_malloc = Block(0x4000, 5, 5, 0, 0);
  in_malloc.pool = 0;
  in_malloc.thread = 9;
  const HeapSnapshot before =
      Snapshot("before", {Block(0x1000, 300, 1, 2, 2), Block(0x2000, 300, 2, 2, 2)});
  const HeapSnapshot after =
      Snapshot("after", {Block(0x3000, 100, 3, 1, 1), Block(0x3100, 100, 4, 1, 1), in_malloc});
  const HeapDiff diff = Diff(before, after);
  ASSERT_EQ(diff.by_label.size(), 3U);
  EXPECT_EQ(diff.by_label[0].name, "images");
  EXPECT_EQ(diff.by_label[0].bytes(), -600);
  EXPECT_EQ(diff.by_label[0].blocks(), -2);
  EXPECT_EQ(diff.by_label[1].name, "dgram.batch");
  EXPECT_EQ(diff.by_label[1].bytes(), 200);
  EXPECT_EQ(diff.by_label[2].name, "");
  ASSERT_EQ(diff.by_pool.size(), 2U);
  EXPECT_EQ(diff.by_pool[0].name, "mimalloc");
  EXPECT_EQ(diff.by_pool[0].bytes(), -400);
  EXPECT_EQ(diff.by_pool[1].name, "malloc");
  EXPECT_EQ(diff.by_pool[1].bytes(), 5);
  ASSERT_EQ(diff.by_thread.size(), 2U);
  EXPECT_EQ(diff.by_thread[0].name, "4711");
  EXPECT_EQ(diff.by_thread[1].name, "9");
  ASSERT_EQ(diff.by_stack.size(), 3U);
  EXPECT_EQ(diff.by_stack[0].bytes(), -600);
  EXPECT_EQ(diff.by_stack[0].frames, (std::vector<uint64_t>{0x401300, 0x402000}));
  EXPECT_FALSE(diff.by_stack[0].of_after);
  EXPECT_EQ(diff.by_stack[0].label, "images");
  EXPECT_EQ(diff.by_stack[1].bytes(), 200);
  EXPECT_TRUE(diff.by_stack[1].of_after);
  EXPECT_TRUE(diff.by_stack[2].frames.empty());
}

// Each snapshot numbers its labels and stack traces itself.
TEST(HeapDiff, MatchesLabelsAndStackTracesByWhatTheyAreAndNotByTheirNumbers) {
  HeapContents contents = fixtures::EmptyContents("after");
  contents.labels = {"", "new", "images", "dgram.batch"};
  contents.frames = {0x401300, 0x402000, 0x401234, 0x7f1000000500, 0x402000};
  contents.stacks = {{0, 0}, {0, 2}, {2, 3}};
  contents.blocks = {Block(0x3000, 100, 3, 2, 3)};
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto after, HeapSnapshot::Make(std::move(contents)));
  const HeapSnapshot before = Snapshot("before", {Block(0x1000, 100, 1, 1, 1)});
  const HeapDiff diff = Diff(before, after);
  ASSERT_EQ(diff.by_label.size(), 1U);
  EXPECT_EQ(diff.by_label[0].name, "dgram.batch");
  EXPECT_EQ(diff.by_label[0].bytes(), 0);
  EXPECT_EQ(diff.by_label[0].new_blocks, 1);
  EXPECT_EQ(diff.by_label[0].freed_blocks, 1);
  EXPECT_EQ(diff.by_stack.size(), 1U);
}

TEST(HeapDiff, OfTwoProcessesTakesNoBlockForTheSameButMatchesStackTracesByPlaceInTheirFile) {
  HeapContents contents = fixtures::EmptyContents("another");
  contents.started_ns += 1;
  contents.modules[0].start += 0x10000000;
  contents.modules[0].end += 0x10000000;
  contents.modules[0].bias += 0x10000000;
  contents.frames = {0x10401234, 0x7f1000000500, 0x10402000};
  contents.stacks = {{0, 0}, {0, 3}};
  contents.blocks = {Block(0x1000, 64, 1)};
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto after, HeapSnapshot::Make(std::move(contents)));
  const HeapDiff diff = Diff(Snapshot("one", {Block(0x1000, 64, 1)}), after);
  EXPECT_FALSE(diff.same_process);
  EXPECT_EQ(diff.freed_blocks.size(), 1U);
  EXPECT_EQ(diff.new_blocks.size(), 1U);
  ASSERT_EQ(diff.by_stack.size(), 1U);
  EXPECT_EQ(diff.by_stack[0].frames[0], 0x10401234U);
}

TEST(HeapDiff, OfSamplesGivesEstimates) {
  HeapContents contents = fixtures::EmptyContents("sampled");
  contents.sample_bytes = 1000;
  contents.blocks = {Block(0x1000, 100, 1), Block(0x2000, 4000, 2)};
  contents.blocks[0].weight = 1000;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto after, HeapSnapshot::Make(std::move(contents)));
  EXPECT_EQ(after.bytes(), 5000);
  EXPECT_EQ(after.block_count(), 11);
  const HeapDiff diff = Diff(HeapSnapshot(), after);
  EXPECT_TRUE(diff.estimated);
  EXPECT_EQ(diff.total.bytes(), 5000);
  EXPECT_EQ(diff.total.blocks(), 11);
  EXPECT_EQ(diff.new_blocks.size(), 2U);
}

TEST(HeapDiff, FromAnEmptySnapshotIsAllThatIsThere) {
  const HeapSnapshot after = Snapshot("after", {Block(0x1000, 64, 1), Block(0x2000, 64, 2)});
  const HeapDiff diff = Diff(HeapSnapshot(), after);
  EXPECT_EQ(diff.total.bytes(), after.bytes());
  EXPECT_EQ(diff.total.blocks(), after.block_count());
  EXPECT_EQ(Diff(after, HeapSnapshot()).total.bytes(), -after.bytes());
}

}  // namespace
}  // namespace alkaid::heap
