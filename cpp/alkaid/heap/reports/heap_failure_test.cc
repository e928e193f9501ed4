// Memory runs out at every point of tracking, snapshots, heap files and retention
// (fixtures/failure_suite.h).
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_diff.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/made_heap.h"
#include "fixtures/no_kept_blocks.h"

namespace alkaid::heap {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

constexpr char kLabel[] = "out of memory.blocks of a test";

// Stops tracking when it is destroyed.
struct Tracking {
  Tracking() = default;
  explicit Tracking(const TrackingOptions& options) { EXPECT_THAT(StartTracking(options), IsOk()); }
  Tracking(const Tracking&) = delete;
  ~Tracking() { StopTracking(); }
};

// Three labelled blocks of a pool, and two slices of the first.
struct Blocks {
  std::vector<std::shared_ptr<Buffer>> blocks;
  std::vector<std::shared_ptr<Buffer>> slices;
};

Blocks MakeBlocks() {
  const ScopedLabel label(kLabel);
  Blocks made;
  for (int i = 0; i < 3; ++i) {
    made.blocks.push_back(AllocateBuffer(1000, system_memory_pool()).value());
  }
  for (int i = 0; i < 2; ++i) made.slices.push_back(SliceBuffer(made.blocks[0], 100 * i, 50));
  return made;
}

struct Tracked {
  NoKeptBlocks none;
  std::unique_ptr<Tracking> tracking;
  Blocks blocks;
};

Tracked MakeTracked(bool views) {
  NoKeptBlocks none;
  auto tracking = std::make_unique<Tracking>(TrackingOptions{.views = views});
  return {std::move(none), std::move(tracking), MakeBlocks()};
}

// What a snapshot reports of the blocks with the label.
std::string TextOf(const HeapSnapshot& snapshot) {
  const HeapContents& contents = snapshot.contents();
  int64_t blocks = 0, bytes = 0;
  for (const HeapBlock& block : snapshot.blocks()) {
    if (contents.labels[block.label] != kLabel) continue;
    ++blocks;
    bytes += block.size;
    EXPECT_EQ(contents.pools[block.pool].name, "system");
  }
  return absl::StrCat(contents.name, ": ", blocks, " blocks, ", bytes, " bytes, ",
                      contents.command_line.size(), " arguments, lost ", contents.lost, ", moving ",
                      contents.moving, ", ", contents.has_views ? contents.views.size() : 0,
                      " views, ", contents.modules.size() > 3 ? "modules" : "no modules");
}

std::string SnapshotNow() {
  const auto snapshot = HeapSnapshot::Take("a snapshot with a name that is long");
  return snapshot.ok() ? TextOf(*snapshot) : snapshot.status().ToString();
}

class HeapOutOfMemory : public ::testing::Test {
 protected:
  HeapOutOfMemory() {
    std::filesystem::create_directory(folder_);
    // The first snapshot of a process does work that later ones do not repeat.
    const Tracked tracked = MakeTracked(true);
    EXPECT_NE(SnapshotNow(), "");
  }
  ~HeapOutOfMemory() override {
    EXPECT_FALSE(IsTracking());
    EXPECT_FALSE(alkaid::internal::BlockEventsOn());
    EXPECT_FALSE(alkaid::internal::ViewEventsOn());
    std::filesystem::remove_all(folder_);
  }

  const std::string folder_ =
      absl::StrCat(::testing::TempDir(), "/alkaid_heap_failure_test.", ::getpid());
  const std::string file_ = folder_ + "/a heap file with a long name";
  const std::string nowhere_ = file_ + "/none/there";
};

TEST_F(HeapOutOfMemory, TrackingOptions) {
  const auto parse = [](failing::OutOfMemory rule, std::string_view text) {
    FailureSuite::Try(
        "ParseTrackingOptions", rule, [](MemoryPool*) { return 0; },
        [&](int&) { return ParseTrackingOptions(text); },
        [](int&, const auto& options) {
          return absl::StrCat(options.sample_bytes, " ", options.max_frames);
        });
  };
  parse(kNeedsNone, "sample:524288,frames=16,unwinder=fp,views");
  parse(kStatus, "a word that is not understood by anybody");
  parse(kStatus, "frames=100000000000000000000");
}

// Blocks that are allocated after the start are listed; a start or stop that failed leaves nothing.
TEST_F(HeapOutOfMemory, StartingToTrack) {
  for (const bool views : {false, true}) {
    FailureSuite::Try(
        "StartTracking", kStatus, [](MemoryPool*) { return std::make_unique<Tracking>(); },
        [&](auto&) { return StartTracking({.views = views}); },
        [](auto&) {
          const Blocks blocks = MakeBlocks();
          return absl::StrCat(IsTracking(), SnapshotNow());
        });
  }
  FailureSuite::Try(
      "StartTracking again", kStatus,
      [](MemoryPool*) { return std::make_unique<Tracking>(TrackingOptions()); },
      [](auto&) { return StartTracking(); }, [](auto&) { return ""; });
  FailureSuite::Try(
      "StartTracking out of range", kStatus,
      [](MemoryPool*) { return std::make_unique<Tracking>(); },
      [](auto&) { return StartTracking({.max_frames = kMaxFrames + 1}); },
      [](auto&) { return ""; });
  FailureSuite::TryInChildren("StartTracking for the first time", kStatus,
                              [] { return StartTracking(); });
}

TEST_F(HeapOutOfMemory, StoppingNeedsNoMemoryAndLeavesNothing) {
  for (const bool views : {false, true}) {
    const Tracked tracked = MakeTracked(views);
    EXPECT_EQ(WithoutNew([] { StopTracking(); }), 0);
    EXPECT_FALSE(IsTracking());
    EXPECT_FALSE(alkaid::internal::BlockEventsOn());
    EXPECT_FALSE(alkaid::internal::ViewEventsOn());
    EXPECT_THAT(HeapSnapshot::Take("after"), StatusIs(StatusCode::kFailedPrecondition));
    const Tracked again = MakeTracked(views);
    EXPECT_THAT(SnapshotNow(), ::testing::HasSubstr("3 blocks"));
  }
}

TEST_F(HeapOutOfMemory, AStartThatFailedLeavesTrackingOff) {
  WithoutNew([] { EXPECT_FALSE(StartTracking().ok()); });
  EXPECT_FALSE(IsTracking());
  EXPECT_FALSE(alkaid::internal::BlockEventsOn());
  EXPECT_THAT(HeapSnapshot::Take("none"), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(HeapOutOfMemory, BlocksThatComeAndGoMeanwhile) {
  struct Block {
    std::unique_ptr<Tracking> tracking;
    uint8_t* block = nullptr;
    int64_t size = 0;
    Block(Block&&) = default;
    Block() = default;
    explicit Block(std::unique_ptr<Tracking> of) : tracking(std::move(of)) {}
    ~Block() {
      if (tracking != nullptr && block != nullptr) system_memory_pool()->Free(block, size);
    }
  };
  const auto make = [](MemoryPool*) {
    Block state(std::make_unique<Tracking>(TrackingOptions{.views = true}));
    const ScopedLabel label(kLabel);
    EXPECT_THAT(system_memory_pool()->Allocate(777, &state.block), IsOk());
    state.size = 777;
    return state;
  };
  const auto outcome = [](Block& state) { return absl::StrCat(state.size, SnapshotNow()); };
  FailureSuite::Try(
      "a pool's Allocate while tracking", kNeedsNone, make,
      [](Block&) -> Status {
        const ScopedLabel label(kLabel);
        uint8_t* other = nullptr;
        ALKAID_RETURN_NOT_OK(system_memory_pool()->Allocate(500, &other));
        system_memory_pool()->Free(other, 500);
        return absl::OkStatus();
      },
      outcome);
  FailureSuite::Try(
      "a pool's Reallocate while tracking", kNeedsNone, make,
      [](Block& state) -> Status {
        ALKAID_RETURN_NOT_OK(system_memory_pool()->Reallocate(state.size, 5000, &state.block));
        state.size = 5000;
        return absl::OkStatus();
      },
      outcome);
  FailureSuite::Try(
      "a refused Reallocate while tracking", kStatus, make,
      [](Block& state) {
        return system_memory_pool()->Reallocate(state.size, int64_t{1} << 47, &state.block);
      },
      outcome);
  FailureSuite::Try(
      "slices while tracking", kThrows, [](MemoryPool*) { return MakeTracked(true); },
      [](Tracked& tracked) { return SliceBuffer(tracked.blocks.blocks[1], 0, 10); },
      [](Tracked&, auto&) { return SnapshotNow(); });
}

TEST_F(HeapOutOfMemory, FiguresByLabel) {
  FailureSuite::Try(
      "GetLabelStatistics", kThrows, [](MemoryPool*) { return MakeTracked(false); },
      [](Tracked&) { return GetLabelStatistics(); },
      [](Tracked&, const auto& statistics) {
        std::string text;
        for (const LabelStatistics& each : statistics) {
          if (each.label == kLabel) absl::StrAppend(&text, each.live_bytes, " ", each.live_blocks);
        }
        return text;
      });
}

TEST_F(HeapOutOfMemory, Snapshots) {
  for (const bool views : {false, true}) {
    FailureSuite::Try(
        "HeapSnapshot::Take", kStatus, [&](MemoryPool*) { return MakeTracked(views); },
        // The name is short, so that it takes no memory: its memory would be the caller's.
        [](Tracked&) { return HeapSnapshot::Take("taken"); },
        [](Tracked&, const HeapSnapshot& snapshot) { return TextOf(snapshot); });
  }
  FailureSuite::Try(
      "HeapSnapshot::Take while tracking is off", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return HeapSnapshot::Take("none"); }, [](int&, const auto&) { return ""; });
  const auto contents = [](MemoryPool*) {
    HeapContents made = fixtures::EmptyContents("a snapshot with a name that is long");
    made.blocks = {fixtures::Block(0x1000, 100, 1), fixtures::Block(0x2000, 200, 2)};
    return made;
  };
  const auto text = [](auto&, const HeapSnapshot& snapshot) {
    return absl::StrCat(snapshot.bytes(), " ", snapshot.block_count(), " ",
                        snapshot.contents().name);
  };
  FailureSuite::Try(
      "HeapSnapshot::Make", kStatus,
      [&](MemoryPool* pool) { return std::make_unique<HeapContents>(contents(pool)); },
      [](auto& made) -> Result<HeapSnapshot> {
        HeapContents copy;
        try {
          copy = *made;
        } catch (const std::bad_alloc&) {
          return status::NoMemory();
        }
        return HeapSnapshot::Make(std::move(copy));
      },
      text);
  FailureSuite::Try(
      "a snapshot of nothing", kThrows, [](MemoryPool*) { return 0; },
      [](int&) { return HeapSnapshot(); }, text);
  FailureSuite::Try(
      "a copy of a snapshot", kThrows,
      [&](MemoryPool* pool) { return HeapSnapshot::Make(contents(pool)).value(); },
      [](HeapSnapshot& snapshot) { return snapshot; }, text);
  FailureSuite::Try(
      "HeapSnapshot::ModuleOf and frames", kNeedsNone,
      [&](MemoryPool* pool) { return HeapSnapshot::Make(contents(pool)).value(); },
      [](HeapSnapshot& snapshot) {
        (void)snapshot.frames(1);
        (void)snapshot.ModuleOf(0x401234);
        (void)snapshot.AgeOf(snapshot.blocks()[0]);
      },
      [](HeapSnapshot&) { return ""; });
  struct Two {
    HeapSnapshot before = fixtures::Snapshot("before", {fixtures::Block(0x1000, 100, 1)});
    HeapSnapshot after = fixtures::Snapshot(
        "after", {fixtures::Block(0x1000, 100, 2, 2), fixtures::Block(0x2000, 7, 3)});
  };
  FailureSuite::Try(
      "Diff", kThrows, [](MemoryPool*) { return Two(); },
      [](Two& two) { return Diff(two.before, two.after); },
      [](Two&, const HeapDiff& diff) {
        return absl::StrCat(diff.total.new_bytes, " ", diff.total.freed_bytes, " ",
                            diff.by_stack.size(), " ", diff.by_label.size(), " ",
                            diff.by_pool.size(), " ", diff.by_thread.size());
      });
}

TEST_F(HeapOutOfMemory, Files) {
  const HeapSnapshot snapshot =
      fixtures::Snapshot("a snapshot with a name that is long",
                         {fixtures::Block(0x1000, 100, 1), fixtures::Block(0x2000, 200, 2, 2)});
  const std::string bytes = fixtures::FileBytes(snapshot);
  const auto text = [](const HeapSnapshot& read) {
    return absl::StrCat(read.contents().name, " ", read.bytes(), " ", read.contents().labels.size(),
                        " ", read.contents().modules.size());
  };
  FailureSuite::Try(
      "WriteHeapFile", kStatus,
      [&](MemoryPool*) {
        std::filesystem::remove(file_);
        return 0;
      },
      [&](int&) { return WriteHeapFile(snapshot, file_); },
      [&](int&) {
        const auto read = ReadHeapFile(file_);
        int files = 0;
        for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder_)) {
          ++files;
        }
        return absl::StrCat(files, " files, ", read.ok() ? text(*read) : "not read");
      });
  FailureSuite::Try(
      "WriteHeapFile in no folder", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return WriteHeapFile(snapshot, nowhere_); }, [](int&) { return ""; });
  FailureSuite::Try(
      "WriteHeap", kStatus,
      [&](MemoryPool* pool) {
        std::shared_ptr<Buffer> room =
            AllocateBuffer(static_cast<int64_t>(bytes.size()), pool).value();
        return std::make_pair(std::make_unique<io::FixedSizeBufferWriter>(room), room);
      },
      [&](auto& stream) { return WriteHeap(snapshot, stream.first.get()); },
      [&](auto& stream) {
        return stream.second->ToString() == bytes ? "the same" : "other bytes";
      });
  ASSERT_THAT(WriteHeapFile(snapshot, file_), IsOk());
  FailureSuite::Try(
      "ReadHeapFile", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return ReadHeapFile(file_); },
      [&](int&, const HeapSnapshot& read) { return text(read); });
  FailureSuite::Try(
      "ReadHeapFile of none", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return ReadHeapFile(nowhere_); }, [&](int&, const HeapSnapshot&) { return ""; });
  const auto parse = [&](const char* what, const std::string& file) {
    FailureSuite::Try(
        absl::StrCat("ParseHeap of ", what), kStatus, [](MemoryPool*) { return 0; },
        [&](int&) { return ParseHeap(file.data(), static_cast<int64_t>(file.size()), file_); },
        [&](int&, const HeapSnapshot& read) { return text(read); });
  };
  parse("a file", bytes);
  parse("a part", bytes.substr(0, bytes.size() / 2));
  std::string damaged = bytes;
  damaged[bytes.size() / 2] ^= 1;
  parse("a damaged file", damaged);
}

TEST_F(HeapOutOfMemory, Retention) {
  const auto tracked = [](MemoryPool*) { return MakeTracked(true); };
  const auto totals = [](const RetentionTotals& sums) {
    return absl::StrCat(sums.roots, " ", sums.views, " ", sums.root_bytes, " ", sums.visible_bytes);
  };
  FailureSuite::Try(
      "MeasureRetention", kStatus, tracked, [](Tracked&) { return MeasureRetention(); },
      [&](Tracked&, const RetentionTotals& sums) { return totals(sums); });
  FailureSuite::Try(
      "MeasureRetention without views", kStatus, [](MemoryPool*) { return MakeTracked(false); },
      [](Tracked&) { return MeasureRetention(); },
      [](Tracked&, const RetentionTotals&) { return ""; });
  const auto report_text = [&](const RetentionReport& report) {
    std::string text = totals(report.totals());
    for (const RetainedRoot& root : report.roots()) {
      absl::StrAppend(&text, "; ", root.label, " ", root.pool, " ", root.holders.size());
    }
    return text;
  };
  FailureSuite::Try(
      "RetentionReport::Take", kStatus, tracked, [](Tracked&) { return RetentionReport::Take(); },
      [&](Tracked&, const RetentionReport& report) { return report_text(report); });
  FailureSuite::Try(
      "RetentionReport::Take without views", kStatus,
      [](MemoryPool*) { return MakeTracked(false); },
      [](Tracked&) { return RetentionReport::Take(); }, [](Tracked&, const auto&) { return ""; });
  const auto snapshot = [](MemoryPool*) {
    const Tracked objects = MakeTracked(true);
    return std::make_unique<HeapSnapshot>(HeapSnapshot::Take("retained").value());
  };
  FailureSuite::Try(
      "RetentionReport::Of", kStatus, snapshot,
      [](auto& taken) -> Result<RetentionReport> {
        std::unique_ptr<HeapSnapshot> copy;
        try {
          copy = std::make_unique<HeapSnapshot>(*taken);
        } catch (const std::bad_alloc&) {
          return status::NoMemory();
        }
        return RetentionReport::Of(std::move(*copy));
      },
      [&](auto&, const RetentionReport& report) { return report_text(report); });
  FailureSuite::Try(
      "RetentionReport::ToString", kThrows,
      [&](MemoryPool* pool) { return RetentionReport::Of(std::move(*snapshot(pool))).value(); },
      [](RetentionReport& report) { return report.ToString(); },
      [](RetentionReport& report, const std::string& text) {
        return text == report.ToString() ? "the same" : "another";
      });
}

TEST_F(HeapOutOfMemory, Requests) {
  const auto parse = [](failing::OutOfMemory rule, std::string_view text) {
    FailureSuite::Try(
        "ParseSignal", rule, [](MemoryPool*) { return 0; }, [&](int&) { return ParseSignal(text); },
        [](int&, int signal) { return absl::StrCat(signal); });
  };
  parse(kNeedsNone, "USR2");
  parse(kStatus, "no signal that any system has under this name");
  const std::string pattern = file_ + ".%p";
  FailureSuite::TryInChildren("WriteHeapFileAtExit", kStatus,
                              [&] { return WriteHeapFileAtExit(pattern); });
  FailureSuite::TryInChildren("WriteHeapFileOnSignal", kStatus,
                              [&] { return WriteHeapFileOnSignal(SIGUSR2, pattern); });
  FailureSuite::Try(
      "WriteHeapFileOnSignal of a fault", kStatus, [](MemoryPool*) { return 0; },
      [&](int&) { return WriteHeapFileOnSignal(SIGSEGV, pattern); }, [](int&) { return ""; });
  FailureSuite::Try(
      "WriteHeapFileAtExit without a name", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return WriteHeapFileAtExit(""); }, [](int&) { return ""; });
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
