#include "alkaid/heap/reports/retention_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/source_note.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_heap.h"

namespace alkaid::heap {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int64_t kRootBytes = 4096;

std::shared_ptr<Buffer> MakeRoot(int64_t size = kRootBytes) {
  return AllocateBuffer(size, system_memory_pool()).value();
}
// A slice of a root that nothing else keeps.
std::shared_ptr<Buffer> SliceOfItsOwnRoot(int64_t offset, int64_t size,
                                          int64_t root_bytes = kRootBytes) {
  return SliceBuffer(MakeRoot(root_bytes), offset, size);
}

class RetentionReportTest : public ::testing::Test {
 protected:
  ~RetentionReportTest() override { StopTracking(); }

  static void WatchViews() { ALKAID_ASSERT_OK(StartTracking({.views = true})); }
  static RetentionReport Take() { return RetentionReport::Take().value(); }
  // The visible bytes of the only root.
  static int64_t Visible() {
    const RetentionReport report = Take();
    EXPECT_THAT(report.roots(), SizeIs(1));
    return report.roots().empty() ? -1 : report.roots()[0].visible_bytes;
  }
};

TEST_F(RetentionReportTest, SaysHowViewsAreTrackedWhereTheyAreNot) {
  const auto says_how = StatusIs(
      StatusCode::kFailedPrecondition,
      AllOf(HasSubstr("ALKAID_TRACK_ALLOCATIONS=views"), HasSubstr("TrackingOptions::views")));
  EXPECT_THAT(RetentionReport::Take(), says_how);
  EXPECT_THAT(MeasureRetention(), says_how);
  ALKAID_ASSERT_OK(StartTracking());
  EXPECT_THAT(RetentionReport::Take(), says_how);
  EXPECT_THAT(MeasureRetention(), says_how);
  EXPECT_THAT(RetentionReport::Of(HeapSnapshot::Take("plain").value()), says_how);
}

TEST_F(RetentionReportTest, AProgramThatKeepsNoViewHasNothingToReport) {
  WatchViews();
  const auto root = MakeRoot();
  { const auto dropped = SliceBuffer(root, 0, 10); }
  const RetentionReport report = Take();
  EXPECT_THAT(report.roots(), IsEmpty());
  EXPECT_EQ(report.totals().root_bytes, 0);
  EXPECT_EQ(report.ToString(), "no root is kept by a view\n");
  ALKAID_ASSERT_OK_AND_ASSIGN(const RetentionTotals totals, MeasureRetention());
  EXPECT_EQ(totals.roots + totals.views + totals.root_bytes + totals.visible_bytes, 0);
}

TEST_F(RetentionReportTest, ASmallSliceOfABigRootIsFoundWithWhatItHides) {
  WatchViews();
  std::shared_ptr<Buffer> slice;
  {
    const ScopedLabel label(Label::Intern("images"));
    slice = SliceOfItsOwnRoot(1000, 40);
  }
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  const RetainedRoot& root = report.roots()[0];
  EXPECT_EQ(root.held_bytes, kRootBytes);
  EXPECT_EQ(root.visible_bytes, 40);
  EXPECT_EQ(root.hidden_bytes(), kRootBytes - 40);
  EXPECT_DOUBLE_EQ(root.ratio(), 40.0 / kRootBytes);
  EXPECT_EQ(root.views, 1);
  EXPECT_EQ(root.label, "images");
  EXPECT_EQ(root.pool, "system");
  EXPECT_EQ(root.address, slice->address() - 1000);
  EXPECT_GE(root.oldest_ns, root.birth_ns);
  ASSERT_THAT(root.holders, SizeIs(1));
  EXPECT_EQ(root.holders[0].visible_bytes, 40);
  EXPECT_THAT(report.snapshot().frames(root.holders[0].stack), Not(IsEmpty()));
  EXPECT_EQ(report.totals().hidden_bytes(), kRootBytes - 40);
}

TEST_F(RetentionReportTest, ASliceOfAllOfItsRootHidesNothing) {
  WatchViews();
  const auto slice = SliceOfItsOwnRoot(0, kRootBytes);
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  EXPECT_EQ(report.roots()[0].hidden_bytes(), 0);
  EXPECT_DOUBLE_EQ(report.roots()[0].ratio(), 1);
}

TEST_F(RetentionReportTest, OverlappingAndNestedSlicesCountEachByteOnce) {
  WatchViews();
  auto root = MakeRoot();
  const auto first = SliceBuffer(root, 100, 100);
  const auto overlapping = SliceBuffer(root, 150, 100);
  const auto nested = SliceBuffer(first, 10, 20);
  const auto same = SliceBuffer(root, 100, 100);
  root.reset();
  EXPECT_EQ(Visible(), 150);
  EXPECT_EQ(Take().roots()[0].views, 4);
}

TEST_F(RetentionReportTest, ASliceOutlivesTheSliceThatItWasMadeOf) {
  WatchViews();
  auto parent = SliceOfItsOwnRoot(0, 2000);
  const auto child = SliceBuffer(parent, 500, 30);
  EXPECT_EQ(Visible(), 2000);
  parent.reset();
  EXPECT_EQ(Visible(), 30);
}

TEST_F(RetentionReportTest, AnEmptySliceKeepsItsRootAndShowsNothing) {
  WatchViews();
  const auto empty = SliceOfItsOwnRoot(5, 0);
  EXPECT_EQ(Visible(), 0);
  EXPECT_EQ(Take().totals().hidden_bytes(), kRootBytes);
}

TEST_F(RetentionReportTest, TheRootThatHidesMostComesFirst) {
  WatchViews();
  const auto little = SliceOfItsOwnRoot(0, 10, 1024);
  const auto most = SliceOfItsOwnRoot(0, 8192, 1 << 16);
  const auto nothing = SliceOfItsOwnRoot(0, 1 << 17, 1 << 17);
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(3));
  EXPECT_EQ(report.roots()[0].held_bytes, 1 << 16);
  EXPECT_EQ(report.roots()[1].held_bytes, 1024);
  EXPECT_EQ(report.roots()[2].held_bytes, 1 << 17);
}

TEST_F(RetentionReportTest, RootsOverForeignMemoryAreSeen) {
  std::vector<uint8_t> foreign(1000);
  WatchViews();
  auto root = std::make_shared<Buffer>(foreign.data(), 1000);
  const auto slice = SliceBuffer(std::move(root), 900, 100);
  EXPECT_EQ(Visible(), 100);
  EXPECT_EQ(Take().roots()[0].held_bytes, 1000);
}

TEST_F(RetentionReportTest, TrackingThatBeginsLateSeesLaterViewsOnly) {
  auto root = MakeRoot();
  const auto before = SliceBuffer(root, 0, 1000);
  WatchViews();
  EXPECT_THAT(Take().roots(), IsEmpty());
  const auto after = SliceBuffer(before, 100, 50);
  EXPECT_EQ(Visible(), 50);
  EXPECT_EQ(Take().roots()[0].held_bytes, kRootBytes);
}

[[gnu::noinline]] std::shared_ptr<Buffer> HoldHere(const std::shared_ptr<Buffer>& root, int i) {
  return SliceBuffer(root, 100 * i, 100);
}
[[gnu::noinline]] std::shared_ptr<Buffer> HoldThere(const std::shared_ptr<Buffer>& root, int i) {
  return SliceBuffer(root, 3000 + i, 2);
}

TEST_F(RetentionReportTest, HoldersAreGroupedByWhereAndByWhom) {
  WatchViews();
  auto root = MakeRoot();
  std::vector<std::shared_ptr<Buffer>> kept;
  for (int i = 0; i < 5; ++i) kept.push_back(HoldHere(root, i));
  for (int i = 0; i < 3; ++i) kept.push_back(HoldThere(root, i));
  std::thread([&] { kept.push_back(SliceBuffer(root, 4000, 1)); }).join();
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  const auto& holders = report.roots()[0].holders;
  ASSERT_THAT(holders, SizeIs(3));
  EXPECT_EQ(holders[0].views, 5);
  EXPECT_EQ(holders[0].visible_bytes, 500);
  EXPECT_EQ(holders[1].views, 3);
  EXPECT_EQ(holders[1].view_bytes, 6);
  EXPECT_EQ(holders[1].visible_bytes, 4);
  EXPECT_EQ(holders[2].visible_bytes, 1);
  EXPECT_EQ(holders[0].thread, holders[1].thread);
  EXPECT_NE(holders[0].thread, holders[2].thread);
  EXPECT_NE(holders[0].stack, holders[1].stack);
}

TEST_F(RetentionReportTest, MeasuredTotalsAreThoseOfTheReport) {
  WatchViews();
  std::vector<std::shared_ptr<Buffer>> kept;
  for (int i = 0; i < 100; ++i) {
    auto root = MakeRoot();
    for (int j = 0; j < i % 7; ++j) kept.push_back(SliceBuffer(root, 30 * j, 50));
  }
  const RetentionTotals report = Take().totals();
  ALKAID_ASSERT_OK_AND_ASSIGN(const RetentionTotals measured, MeasureRetention());
  EXPECT_EQ(measured.roots, report.roots);
  EXPECT_EQ(measured.views, static_cast<int64_t>(kept.size()));
  EXPECT_EQ(measured.views, report.views);
  EXPECT_EQ(measured.root_bytes, report.root_bytes);
  EXPECT_EQ(measured.visible_bytes, report.visible_bytes);
  EXPECT_GT(measured.hidden_bytes(), 0);
}

TEST_F(RetentionReportTest, ReportsBesideThreadsThatMakeAndDropViews) {
  WatchViews();
  const auto stays = SliceOfItsOwnRoot(0, 64);
  std::atomic<bool> stop{false};
  std::atomic<int> busy{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int64_t i = 0; !stop.load(); ++i) {
        const auto slice = SliceOfItsOwnRoot(i % 1000, 8);
        const auto nested = SliceBuffer(slice, 2, 4);
        if (i == 10) busy.fetch_add(1);
      }
    });
  }
  while (busy.load() < 3) std::this_thread::yield();
  for (int i = 0; i < 50; ++i) {
    const RetentionReport report = Take();
    bool found = false;
    for (const RetainedRoot& root : report.roots()) {
      ASSERT_LE(root.visible_bytes, root.held_bytes);
      ASSERT_EQ(root.held_bytes, kRootBytes);
      found |= root.visible_bytes == 64;
    }
    ASSERT_TRUE(found);
    ALKAID_ASSERT_OK(MeasureRetention());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Visible(), 64);
}

TEST_F(RetentionReportTest, SourceAndTimesOfARootAreTold) {
  WatchViews();
  auto root = MakeRoot();
  const std::vector<SourceTime> times = {{0, 1000}, {1000, 2000}, {2000, 3000}, {3000, 4000}};
  internal::NotifySourceNote({root->data(), kRootBytes, "run.xtc2", 8192, times});
  const auto slice = SliceBuffer(root, 1500, 600);
  const void* const data = root->data();
  root.reset();
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  const RetainedRoot& found = report.roots()[0];
  EXPECT_EQ(found.source, "run.xtc2");
  EXPECT_EQ(found.source_offset, 8192);
  EXPECT_EQ(found.first_time_ns, 1000U);
  EXPECT_EQ(found.last_time_ns, 4000U);
  EXPECT_EQ(found.first_visible_time_ns, 2000U);
  EXPECT_EQ(found.last_visible_time_ns, 3000U);
  EXPECT_EQ(found.address, reinterpret_cast<uint64_t>(data));
}

TEST_F(RetentionReportTest, TheSourceOfAReleasedRootIsForgotten) {
  WatchViews();
  auto root = MakeRoot();
  internal::NotifySourceNote({root->data(), kRootBytes, "run.xtc2", 0, {}});
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot during, HeapSnapshot::Take("during"));
  EXPECT_THAT(during.contents().sources, SizeIs(1));
  root.reset();
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot after, HeapSnapshot::Take("after"));
  EXPECT_THAT(after.contents().sources, IsEmpty());
}

TEST_F(RetentionReportTest, TheSourceOfARootThatIsReallocatedIsForgotten) {
  WatchViews();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto root, AllocateResizableBuffer(kRootBytes));
  internal::NotifySourceNote({root->data(), kRootBytes, "run.xtc2", 0, {}});
  ALKAID_ASSERT_OK(root->Resize(1 << 20));
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot after, HeapSnapshot::Take("after"));
  EXPECT_THAT(after.contents().sources, IsEmpty());
}

TEST_F(RetentionReportTest, TheSourceOfARootThatWasShrunkBeforeItWasReleasedIsForgotten) {
  WatchViews();
  ALKAID_ASSERT_OK_AND_ASSIGN(auto root, AllocateResizableBuffer(kRootBytes));
  internal::NotifySourceNote({root->data() + 1000, 1000, "run.xtc2", 0, {}});
  ALKAID_ASSERT_OK(root->Resize(100, /*shrink_to_fit=*/false));
  root.reset();
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot after, HeapSnapshot::Take("after"));
  EXPECT_THAT(after.contents().sources, IsEmpty());
}

// As for a pool's block over which the program makes its own buffers.
TEST_F(RetentionReportTest, TheSourceOfABlockThatIsFreedIsForgotten) {
  WatchViews();
  uint8_t* block = nullptr;
  ALKAID_ASSERT_OK(system_memory_pool()->Allocate(kRootBytes, &block));
  internal::NotifySourceNote({block, kRootBytes, "run.xtc2", 0, {}});
  system_memory_pool()->Free(block, kRootBytes);
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot after, HeapSnapshot::Take("after"));
  EXPECT_THAT(after.contents().sources, IsEmpty());
}

TEST_F(RetentionReportTest, ARootThatGrewInItsPlaceIsListedOnceWithWhatItHoldsNow) {
  WatchViews();
  // Instead of a reallocation, which may or may not move the bytes.
  class Growing final : public MutableBuffer {
   public:
    using MutableBuffer::MutableBuffer;
    void GrowTo(int64_t bytes) { size_ = capacity_ = bytes; }
  };
  std::vector<uint8_t> bytes(kRootBytes);
  const auto root = std::make_shared<Growing>(bytes.data(), 1000);
  const auto early = SliceBuffer(root, 0, 100);
  root->GrowTo(kRootBytes);
  const auto late = SliceBuffer(root, 2000, 100);
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  EXPECT_EQ(report.roots()[0].held_bytes, kRootBytes);
  EXPECT_EQ(report.roots()[0].visible_bytes, 200);
  ALKAID_ASSERT_OK_AND_ASSIGN(const RetentionTotals totals, MeasureRetention());
  EXPECT_EQ(totals.root_bytes, kRootBytes);
}

TEST_F(RetentionReportTest, AHeapFileHasTheSameReport) {
  WatchViews();
  auto root = MakeRoot();
  const std::vector<SourceTime> times = {{0, 1000}, {1000, 2000}};
  internal::NotifySourceNote({root->data(), kRootBytes, "run.xtc2", 8192, times});
  const auto slice = SliceBuffer(std::move(root), 1500, 600);
  ALKAID_ASSERT_OK_AND_ASSIGN(const HeapSnapshot snapshot, HeapSnapshot::Take("now"));
  const std::string bytes = fixtures::FileBytes(snapshot);
  ALKAID_ASSERT_OK_AND_ASSIGN(HeapSnapshot read,
                              ParseHeap(bytes.data(), static_cast<int64_t>(bytes.size()), "file"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto there, RetentionReport::Of(snapshot));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto here, RetentionReport::Of(std::move(read)));
  EXPECT_EQ(there.ToString(), here.ToString());
  EXPECT_THAT(here.ToString(), HasSubstr("run.xtc2 from byte 8192, times 0.000001000 to "));
}

TEST_F(RetentionReportTest, TheTextNamesBytesSourceAndPlace) {
  HeapContents contents = fixtures::EmptyContents("now");
  contents.has_views = true;
  contents.frames[1] = kPythonPlaces + 1;
  contents.python_places = {{kPythonPlaces + 1, "/home/a/bad\x1b.py", "Reader.read", 12}};
  contents.blocks = {fixtures::Block(0x5000, 1 << 26, 1)};
  HeapView view;
  view.view = 0x100;
  view.root = 0x200;
  view.root_data = 0x5000;
  view.root_size = 1 << 26;
  view.data = 0x6000;
  view.size = 1 << 16;
  view.birth_ns = 150 * fixtures::kSecond;
  view.stack = 1;
  view.thread = 4712;
  contents.views = {view};
  contents.sources = {{0x5000, 1 << 26, 4096, "bad\x1bname.xtc2", 0, 2}};
  contents.times = {{0x5000, 1'700'000'000'000'000'128}, {0x6000, 1'700'000'001'000'000'000}};
  ALKAID_ASSERT_OK_AND_ASSIGN(HeapSnapshot snapshot, HeapSnapshot::Make(std::move(contents)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto report, RetentionReport::Of(std::move(snapshot)));
  EXPECT_EQ(report.ToString(),
            "1 root held by 1 view: 64.0 MiB held, 64.0 KiB visible (0.098 %), 63.9 MiB hidden\n"
            "\n"
            "1. 64.0 MiB held, 64.0 KiB visible (0.098 %) in 1 view  dgram.batch, mimalloc\n"
            "   bad\\x1bname.xtc2 from byte 4096, times 1700000000.000000128 to "
            "1700000001.000000000, visible 1700000001.000000000 to 1700000001.000000000\n"
            "   oldest view 10.0 s old, its block 30.0 s old, at 0x5000\n"
            "   1 view of 64.0 KiB, thread 4712, made here:\n"
            "     #0  reader + 0x1234\n"
            "     #1  Reader.read at /home/a/bad\\x1b.py:12\n"
            "     #2  reader + 0x2000\n");
  EXPECT_THAT(
      report.ToString({.name_frame = [](uint64_t) { return std::vector{std::string("f")}; }}),
      HasSubstr("     #0  f\n"));
}

TEST_F(RetentionReportTest, TheTextBeginsWithWhoAskedForTheSliceUnlessAllFramesAreAskedFor) {
  WatchViews();
  const auto slice = SliceOfItsOwnRoot(0, 10);
  const auto text = [](bool all_frames) {
    std::vector<std::string> names = {"user", "alkaid::SliceBuffer at buffer_functions.cc:76",
                                      "alkaid::Buffer::Buffer", "alkaid::Buffer::NotifySliced"};
    const auto name_frame = [&names](uint64_t) {
      std::vector<std::string> lines;
      if (!names.empty()) {
        lines.push_back(names.back());
        names.pop_back();
      }
      return lines;
    };
    return Take().ToString({.name_frame = name_frame, .all_frames = all_frames});
  };
  EXPECT_THAT(text(false), HasSubstr("made here:\n     #3  user\n"));
  EXPECT_THAT(text(false), Not(HasSubstr("SliceBuffer")));
  EXPECT_THAT(text(true), HasSubstr("made here:\n     #0  alkaid::Buffer::NotifySliced\n"));
}

TEST_F(RetentionReportTest, RootsOfTheSamePlacesAreSummedUpUnderTheWorst) {
  WatchViews();
  std::vector<std::shared_ptr<Buffer>> slices;
  for (const int64_t size : {30, 10, 20}) slices.push_back(SliceOfItsOwnRoot(0, size));
  const auto other = SliceOfItsOwnRoot(0, 40);
  const RetentionReport report = Take();
  ASSERT_EQ(report.roots().size(), 4U);
  const std::string text = report.ToString();
  EXPECT_THAT(text, HasSubstr(", 10 bytes visible ("));
  EXPECT_THAT(text, HasSubstr("\n   and 2 roots more of the same places, all together "));
  EXPECT_THAT(text, HasSubstr(" held, 60 bytes visible\n\n2. "));
  EXPECT_THAT(text, Not(HasSubstr("\n3. ")));
  RetentionTextOptions one;
  one.top = 1;
  EXPECT_THAT(report.ToString(one), EndsWith("\nand 1 further root\n"));
}

TEST_F(RetentionReportTest, PlacesAreInTheOrderOfAllThatTheyHide) {
  WatchViews();
  std::vector<std::shared_ptr<Buffer>> slices = {SliceOfItsOwnRoot(0, 10, 3 << 20)};
  for (int i = 0; i < 4; ++i) slices.push_back(SliceOfItsOwnRoot(0, 10, 1 << 20));
  const std::string text = Take().ToString();
  EXPECT_THAT(text, HasSubstr("\n1. 1.0 MiB held, 10 bytes visible"));
  EXPECT_THAT(text, HasSubstr("and 3 roots more of the same places, all together 4.0 MiB held, "
                              "40 bytes visible\n\n2. 3.0 MiB held"));
}

TEST_F(RetentionReportTest, RootsWhosePlacesAreNotKnownAreEachByThemselves) {
  ALKAID_ASSERT_OK(StartTracking({.max_frames = 0, .views = true}));
  std::vector<std::shared_ptr<Buffer>> slices;
  for (int i = 0; i < 2; ++i) slices.push_back(SliceOfItsOwnRoot(0, 10));
  const std::string text = Take().ToString();
  EXPECT_THAT(text, AllOf(HasSubstr("\n2. "), Not(HasSubstr("roots more"))));
}

TEST_F(RetentionReportTest, ASnapshotOfImpossibleViewsIsRefused) {
  const auto make = [](const HeapView& view) {
    HeapContents contents = fixtures::EmptyContents("bad");
    contents.has_views = true;
    contents.views = {view};
    return HeapSnapshot::Make(std::move(contents)).status();
  };
  HeapView view;
  ALKAID_EXPECT_OK(make(view));
  view.size = -1;
  EXPECT_THAT(make(view), StatusIs(StatusCode::kInvalidArgument, HasSubstr("view 0 has -1 bytes")));
  view.size = 10;
  view.data = UINT64_MAX - 5;
  EXPECT_THAT(make(view), StatusIs(StatusCode::kInvalidArgument, HasSubstr("view 0")));
  view = {};
  view.stack = 3;
  EXPECT_THAT(make(view), StatusIs(StatusCode::kInvalidArgument, HasSubstr("stack trace 3 of 3")));
}

TEST_F(RetentionReportTest, ASnapshotOfImpossibleSourcesIsRefused) {
  const auto make = [](std::vector<HeapSource> sources) {
    HeapContents contents = fixtures::EmptyContents("bad");
    contents.has_views = true;
    contents.sources = std::move(sources);
    contents.times = {{0x1000, 1}};
    return HeapSnapshot::Make(std::move(contents)).status();
  };
  ALKAID_EXPECT_OK(make({{0x1000, 16, 0, "a", 0, 1}, {0x1010, 16, 0, "b", 1, 0}}));
  EXPECT_THAT(make({{0x1000, 16, 0, "a", 0, 1}, {0x100f, 16, 0, "b", 1, 0}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("source 1 of 16 bytes")));
  EXPECT_THAT(make({{0x2000, 16, 0, "a", 0, 0}, {0x1000, 16, 0, "b", 0, 1}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("source 1 of 16 bytes")));
  EXPECT_THAT(make({{0x1000, 16, 0, "a", 0, 2}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("2 times from 0 of 1")));
  EXPECT_THAT(make({{0x1000, -1, 0, "a", 0, 0}}), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(RetentionReportTest, ASnapshotOfTimesOutOfPlaceIsRefused) {
  const auto make = [](std::vector<HeapTime> times) {
    HeapContents contents = fixtures::EmptyContents("bad");
    contents.has_views = true;
    contents.sources = {{0x1000, 16, 0, "a", 0, times.size()}};
    contents.times = std::move(times);
    return HeapSnapshot::Make(std::move(contents)).status();
  };
  ALKAID_EXPECT_OK(make({{0x1000, 7}, {0x1000, 9}, {0x100f, 1}}));
  EXPECT_THAT(make({{0x1004, 7}, {0x1003, 9}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("time 1")));
  EXPECT_THAT(make({{0xfff, 7}}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("time 0")));
  EXPECT_THAT(make({{0x1010, 7}}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("time 0")));
  EXPECT_THAT(make({{0x1000, 1}, {0x1000, 2}, {0x1000, 3}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("time 2")));
}

}  // namespace
}  // namespace alkaid::heap
