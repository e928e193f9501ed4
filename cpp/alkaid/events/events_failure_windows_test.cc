// Memory runs out in windows of small data and their readers, and reads of files fail
// (events_failure_test.cc).
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/smd_window.h"
#include "alkaid/events/whole_exposures.h"
#include "fixtures/counted_file.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/made_streams.h"
#include "fixtures/tried_run.h"

namespace alkaid::events {
namespace {

using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using tried::Add;
using tried::Configure;
using tried::KindsOfWindows;
using tried::Reading;
using tried::ReadWindows;
using tried::Run;
using tried::TextOfReading;
using tried::TheRun;
using tried::UpToAFault;

using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

struct ManyWindows {
  MemoryPool* pool;
  std::vector<SmdWindow> windows;
  Configurations configurations;
};
ManyWindows WindowsOf(MemoryPool* pool) {
  const auto reader = TheRun().Open(Run::ReaderOptions(nullptr)).value();
  ManyWindows all{pool, {}, reader->configurations()};
  while (true) {
    SmdWindow window = reader->Next().value();
    if (window.empty()) return all;
    all.windows.push_back(std::move(window));
  }
}

TEST(EventsOutOfMemory, Windows) {
  const ManyWindows all = WindowsOf(nullptr);
  const SmdWindow& window = all.windows[2];
  const Configurations one = {nullptr};
  const std::vector<std::shared_ptr<Buffer>> no_steps;
  const std::vector<std::shared_ptr<Buffer>> steps_of_one = {nullptr};
  const std::vector<std::shared_ptr<Buffer>> null_blocks = {nullptr, nullptr};
  const std::string name = "a message with a long name";
  const std::vector<std::shared_ptr<Buffer>> steps = {Buffer::FromString(fixtures::L1(1)), nullptr};
  const auto see = [](MemoryPool*&, const std::shared_ptr<Buffer>& packed) {
    Digest digest;
    digest.Add(packed->data(), packed->size());
    return digest.text();
  };
  const auto take_pool = [](MemoryPool* pool) { return pool; };
  FailureSuite::Try(
      "Pack", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return Pack(window, no_steps, pool); }, see);
  FailureSuite::Try(
      "Pack, with steps", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return Pack(window, steps, pool); }, see);
  failing::TryStatus("Pack, steps of another",
                     [&] { return Answer(Pack(window, steps_of_one).status()); });

  const std::shared_ptr<Buffer> message = Pack(window).value();
  const auto see_window = [](int&, const SmdWindow& unpacked) {
    Digest digest;
    Add(unpacked, &digest);
    return digest.text();
  };
  FailureSuite::Try(
      "Unpack", OutOfMemory::kStatus, failing::NoObjects,
      [&](int&) { return Unpack(message, all.configurations, name); }, see_window);
  failing::TryStatus("Unpack, null",
                     [&] { return Answer(Unpack(nullptr, all.configurations).status()); });
  const auto nothing_declared = dgram::Configuration::FromNames({}).value();
  const Configurations others = {nothing_declared, nothing_declared};
  failing::TryStatus("Unpack, of another Configuration",
                     [&] { return Answer(Unpack(message, others, name).status()); });
  failing::TryThrowing("SmdWindow::ConfigurationsAfter", [&] {
    Digest digest;
    digest.Add(static_cast<int64_t>(window.ConfigurationsAfter().size()));
    return digest;
  });
  const auto builder = EventBuilder::Make(OneWindow(window.streams)).value();
  const EventBatch batch = builder->Next()->batch();
  failing::TryStatus("EventBatch::configurations",
                     [&] { return Answer(batch.configurations().status()); });
  failing::TryStatus("Unpack, of one stream",
                     [&] { return Answer(Unpack(message, one).status()); });
  for (const int64_t cut : {1, 4, 30}) {
    const std::shared_ptr<Buffer> part = SliceBuffer(message, 0, message->size() - cut);
    failing::TryStatus("Unpack, cut short",
                       [&] { return Answer(Unpack(part, all.configurations).status()); });
  }

  const std::vector<std::shared_ptr<Buffer>> blocks = {
      Buffer::FromString(fixtures::L1(1) + fixtures::L1(2)), Buffer::FromString(Configure(3))};
  const auto see_source = [](int&, const std::shared_ptr<SmdWindowSource>& source) {
    Digest digest;
    Add(source->Next().value(), &digest);
    return digest.text();
  };
  FailureSuite::Try(
      "OneWindow, of blocks", OutOfMemory::kStatus, failing::NoObjects,
      [&](int&) { return OneWindow(blocks, all.configurations); }, see_source);
  failing::TryStatus("OneWindow, of one block too few",
                     [&] { return Answer(OneWindow(blocks, one).status()); });
  failing::TryStatus("OneWindow, of null",
                     [&] { return Answer(OneWindow(null_blocks, all.configurations).status()); });
  FailureSuite::Try(
      "OneWindow", OutOfMemory::kThrows, failing::NoObjects,
      [&](int&) { return OneWindow(window.streams); }, see_source);
  FailureSuite::Try(
      "OneWindow, read", OutOfMemory::kNeedsNone,
      [&](MemoryPool*) {
        return Reading<SmdWindowSource>{OneWindow(window.streams), {}};
      },
      ReadWindows<SmdWindowSource>, TextOfReading<SmdWindowSource>);
}

TEST(EventsOutOfMemory, Histories) {
  const ManyWindows all = WindowsOf(nullptr);
  struct State {
    std::unique_ptr<StepHistory> history;
  };
  const auto make = [](MemoryPool* pool) { return State{std::make_unique<StepHistory>(2, pool)}; };
  const auto since = [](State& state, const StepHistory::Position& from) {
    Digest digest;
    const auto blocks = state.history->Since(from).value();
    for (const auto& block : blocks) {
      if (block != nullptr) digest.Add(block->data(), block->size());
    }
    for (const int64_t position : state.history->position()) digest.Add(position);
    return digest.text();
  };
  FailureSuite::Try(
      "StepHistory", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
      [](MemoryPool*& pool) { return std::make_unique<StepHistory>(2, pool); },
      [](MemoryPool*&, const std::unique_ptr<StepHistory>& made) {
        return std::to_string(made->position().size());
      });
  const auto has_step = [](const SmdWindow& window) {
    for (const auto& batches : window.streams) {
      for (const dgram::DgramBatch& batch : batches) {
        for (const dgram::Dgram& dgram : batch) {
          if (!dgram.is_l1_accept()) return true;
        }
      }
    }
    return false;
  };
  for (const SmdWindow& window : all.windows) {
    FailureSuite::Try(
        "StepHistory::Add", has_step(window) ? OutOfMemory::kStatus : OutOfMemory::kNeedsNone, make,
        [&](State& state) { return state.history->Add(window); },
        [&](State& state) {
          return since(state, {0, 0});
        });
  }
  SmdWindow small;
  small.streams.resize(1);
  FailureSuite::Try(
      "StepHistory::Add, of one stream", OutOfMemory::kStatus, make,
      [&](State& state) { return state.history->Add(small); },
      [&](State& state) {
        return since(state, {0, 0});
      });
  const auto make_full = [&](MemoryPool* pool) {
    State state = make(pool);
    for (const SmdWindow& window : all.windows) EXPECT_TRUE(state.history->Add(window).ok());
    return state;
  };
  FailureSuite::Try(
      "StepHistory::position", OutOfMemory::kThrows, make_full,
      [](State& state) { return state.history->position(); },
      [](State&, const StepHistory::Position& position) { return std::to_string(position[1]); });
  for (const StepHistory::Position& from :
       {StepHistory::Position{0, 0}, StepHistory::Position{24, 0}, StepHistory::Position{1},
        StepHistory::Position{1 << 20, 0}}) {
    FailureSuite::Try(
        "StepHistory::Since", OutOfMemory::kStatus, make_full,
        [&](State& state) { return state.history->Since(from); },
        [](State&, const std::vector<std::shared_ptr<Buffer>>& blocks) {
          Digest digest;
          for (const auto& block : blocks) {
            if (block != nullptr) digest.Add(block->data(), block->size());
          }
          return digest.text();
        });
  }
}

// ---- Readers of small data

TEST(EventsOutOfMemory, OpeningReadersOfSmallData) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < 2; ++i) {
    paths.push_back((std::filesystem::temp_directory_path() /
                     ("alkaid_events_failure_" + std::to_string(getpid()) + "_" +
                      std::to_string(i) + ".smd.xtc2"))
                        .string());
    std::FILE* const out = std::fopen(paths.back().c_str(), "wb");
    ASSERT_NE(out, nullptr);
    std::fwrite(TheRun().small()[i].data(), 1, TheRun().small()[i].size(), out);
    std::fclose(out);
  }
  const auto see = [](MemoryPool*&, const std::unique_ptr<SmdReader>& reader) {
    Digest digest;
    Add(reader->configure(0), &digest);
    digest.Add(reader->total_bytes());
    digest.Add(reader->position());
    return digest.text();
  };
  const auto take_pool = [](MemoryPool* pool) { return pool; };
  FailureSuite::Try(
      "SmdReader::Open", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return SmdReader::Open(paths, Run::ReaderOptions(pool)); }, see);
  FailureSuite::Try(
      "SmdReader::Open, of nothing", OutOfMemory::kStatus, take_pool,
      [](MemoryPool*&) { return SmdReader::Open(std::vector<std::string>()); }, see);
  const auto refuse = [&](const char* name, const SmdReaderOptions& options) {
    FailureSuite::Try(
        name, OutOfMemory::kStatus, take_pool,
        [&](MemoryPool*&) { return SmdReader::Open(paths, options); }, see);
  };
  refuse("SmdReader::Open, windows of nothing", {.batch_size = 0});
  refuse("SmdReader::Open, an integrating stream", {.integrating_stream = 9});
  // A failure closes what was opened, so everything is opened again.
  FailureSuite::Try(
      "SmdReader::Open, of open streams", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) -> Result<std::unique_ptr<SmdReader>> {
        try {
          return TheRun().Open(Run::ReaderOptions(pool));
        } catch (const std::bad_alloc&) {
          // Opening the test's own files failed.
          return Status(StatusCode::kResourceExhausted, "");
        }
      },
      see);
  const auto reader =
      std::shared_ptr<SmdReader>(TheRun().Open(Run::ReaderOptions(nullptr)).value());
  failing::TryThrowing("SmdReader::configurations", [&] {
    Digest digest;
    digest.Add(static_cast<int64_t>(reader->configurations().size()));
    return digest;
  });
  for (const std::string& path : paths) std::filesystem::remove(path);
}

TEST(EventsOutOfMemory, ReadingSmallData) {
  for (const SmdReaderOptions& kind : KindsOfWindows()) {
    SCOPED_TRACE(kind.chunk_bytes);
    FailureSuite::Try(
        "SmdReader::Next", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          SmdReaderOptions options = kind;
          options.pool = pool;
          return Reading<SmdReader>{TheRun().Open(options).value(), {}};
        },
        [](Reading<SmdReader>& reading) { return UpToAFault(ReadWindows<SmdReader>, reading); },
        TextOfReading<SmdReader>);
  }
}

TEST(EventsOutOfMemory, JoiningWindows) {
  failing::TryStatus("WholeExposures::Make, of null",
                     [] { return Answer(WholeExposures::Make(nullptr).status()); });
  const std::shared_ptr<SmdWindowSource> none =
      OneWindow(std::vector<std::vector<dgram::DgramBatch>>());
  failing::TryStatus("WholeExposures::Make",
                     [&] { return Answer(WholeExposures::Make(none).status()); });
  for (const size_t kind : {2, 5}) {
    FailureSuite::Try(
        "WholeExposures::Next", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          SmdReaderOptions options = KindsOfWindows()[kind];
          options.pool = pool;
          return Reading<WholeExposures>{
              WholeExposures::Make(TheRun().Open(options).value()).value(), {}};
        },
        [](Reading<WholeExposures>& reading) {
          return UpToAFault(ReadWindows<WholeExposures>, reading);
        },
        TextOfReading<WholeExposures>);
  }
}

// Streams with a fault: it comes after everything before it, and is always reported the same.
TEST(EventsOutOfMemory, ReadingSmallDataThatIsAtFault) {
  const std::string sound = fixtures::SmdConfigure(1) + fixtures::L1(2) + fixtures::L1(5);
  for (const std::string& odd :
       {sound + fixtures::L1(4), sound + "tail", sound + fixtures::L1(6).substr(0, 20)}) {
    FailureSuite::Try(
        "SmdReader::Next, at fault", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          std::vector<std::unique_ptr<dgram::BatchReader>> readers;
          for (const std::string& bytes : {sound, odd}) {
            dgram::BatchReaderOptions options;
            options.batch_bytes = 60;
            options.pool = pool;
            const std::shared_ptr<io::RandomAccessFile> file =
                std::make_shared<dgram::CountedFile>(bytes);
            readers.push_back(dgram::BatchReader::Open(file, std::move(options)).value());
          }
          return Reading<SmdReader>{
              SmdReader::Open(std::move(readers), {.batch_size = 1, .pool = pool}).value(), {}};
        },
        [](Reading<SmdReader>& reading) { return UpToAFault(ReadWindows<SmdReader>, reading); },
        TextOfReading<SmdReader>);
  }
}

TEST(EventsOutOfMemory, EveryReadOfSmallDataFailsOnce) {
  for (const SmdReaderOptions& kind : KindsOfWindows()) {
    const auto read = [&](int64_t fail_at) {
      const auto file = std::make_shared<dgram::CountedFile>(TheRun().small()[0]);
      Reading<SmdReader> reading{TheRun().Open(kind, file).value(), {}};
      const size_t before = file->reads().size();
      file->FailAt(fail_at);
      const auto go_on = [&] { return UpToAFault(ReadWindows<SmdReader>, reading); };
      Status status = go_on();
      if (fail_at > 0 && !status.ok()) {
        EXPECT_EQ(status.code(), StatusCode::kUnavailable);
        status = go_on();
      }
      EXPECT_TRUE(status.ok()) << status;
      return std::pair(reading.digest.text(), file->reads().size() - before);
    };
    const auto [expected, reads] = read(0);
    for (size_t n = 1; n <= reads; ++n) {
      EXPECT_EQ(read(static_cast<int64_t>(n)).first, expected) << "read " << n;
    }
  }
}

}  // namespace
}  // namespace alkaid::events
