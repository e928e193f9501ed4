// Memory runs out in readers of datagrams and in the verifier, and reads of files fail
// (dgram_failure_test.cc).
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/source_times.h"
#include "alkaid/dgram/verify.h"
#include "fixtures/counted_file.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/sample_dgrams.h"
#include "fixtures/scripted_stream.h"

namespace alkaid::dgram {
namespace {

using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using samples::Add;
using samples::Configure;
using samples::Declared;
using samples::Event;
using samples::OptionsFor;

// A reader, and what it has delivered.
struct Reading {
  std::unique_ptr<BatchReader> reader;
  Digest digest;
  Status last;
};

Status ReadOn(Reading& reading) {
  while (true) {
    Result<DgramBatch> batch = reading.reader->Next();
    reading.last = batch.status();
    ALKAID_RETURN_NOT_OK(reading.last);
    if (batch->empty()) break;
    for (const Dgram& dgram : *batch) {
      reading.digest.Add(dgram.index());
      reading.digest.Add(dgram.offset());
      Add(dgram, &reading.digest);
    }
  }
  reading.digest.Add(reading.reader->position());
  reading.digest.Add(reading.reader->next_index());
  return absl::OkStatus();
}
// The same, but accepts a fault of the data as an answer.
Status ReadUpToAFault(Reading& reading) {
  const Status status = ReadOn(reading);
  if (status.code() != StatusCode::kDataLoss) return status;
  reading.digest.Add(status);
  return absl::OkStatus();
}
std::string TextOfReading(Reading& reading) { return reading.digest.text(); }

Result<std::shared_ptr<io::InputStream>> Stream(const std::string& bytes, int64_t piece) try {
  return std::make_shared<io::internal::ScriptedStream>(bytes, piece);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// Two Configures, so that batches begin in the middle of a block.
std::string TwoRuns() { return fixtures::Run(9) + fixtures::Run(6); }

TEST(DgramOutOfMemory, OpeningReaders) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("alkaid_dgram_failure_" + std::to_string(getpid()) + ".xtc2"))
                               .string();
  std::FILE* const out = std::fopen(path.c_str(), "wb");
  ASSERT_NE(out, nullptr);
  const std::string run = TwoRuns();
  std::fwrite(run.data(), 1, run.size(), out);
  std::fclose(out);
  const auto digest = [](MemoryPool*&, const std::unique_ptr<BatchReader>& reader) {
    return std::to_string(reader->end());
  };
  const auto take_pool = [](MemoryPool* pool) { return pool; };
  const auto buffer = fixtures::AsBuffer(run);
  const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
  FailureSuite::Try(
      "BatchReader::Open, a path", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return BatchReader::Open(path, OptionsFor(pool, 500)); }, digest);
  const auto history_text = [](int&, const std::shared_ptr<const ConfigurationHistory>& history) {
    return std::to_string(history->size());
  };
  for (const std::string& name : {path, std::string("/no/such/file/of/a/long/name")}) {
    FailureSuite::Try(
        "ConfigurationHistory::Read", OutOfMemory::kStatus, failing::NoObjects,
        [&](int&) { return ConfigurationHistory::Read(name); }, history_text);
  }
  FailureSuite::Try(
      "ConfigurationHistory::Read, above the limit", OutOfMemory::kStatus, failing::NoObjects,
      [&](int&) { return ConfigurationHistory::Read(path, 50); }, history_text);
  const auto history = ConfigurationHistory::Read(path).value();
  failing::TryThrowing("ConfigurationHistory::Why", [&] {
    Digest why;
    why.Add(history->Why(Timestamp(1, 1)));
    return why;
  });
  FailureSuite::Try(
      "BatchReader::Open, no such path", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*&) { return BatchReader::Open("/no/such/file"); }, digest);
  FailureSuite::Try(
      "BatchReader::Open, a file", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return BatchReader::Open(file, OptionsFor(pool, 500)); }, digest);
  FailureSuite::Try(
      "BatchReader::Open, a buffer", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return BatchReader::Open(buffer, OptionsFor(pool, 500)); }, digest);
  FailureSuite::Try(
      "BatchReader::OpenStream", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) -> Result<std::unique_ptr<BatchReader>> {
        ALKAID_ASSIGN_OR_RAISE(auto stream, Stream(run, 100));
        return BatchReader::OpenStream(std::move(stream), OptionsFor(pool, 500));
      },
      digest);
  FailureSuite::Try(
      "BatchReader::Open, null", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*&) { return BatchReader::Open(std::shared_ptr<Buffer>()); }, digest);
  FailureSuite::Try(
      "BatchReader::Open, a batch of nothing", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return BatchReader::Open(buffer, OptionsFor(pool, 0)); }, digest);
  FailureSuite::Try(
      "BatchReader::Open, a range that is none", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) {
        BatchReaderOptions options = OptionsFor(pool, 500);
        options.begin = 5;
        options.end = 4;
        return BatchReader::Open(buffer, std::move(options));
      },
      digest);
  std::filesystem::remove(path);
}

TEST(DgramOutOfMemory, Reading) {
  const auto buffer = fixtures::AsBuffer(TwoRuns());
  for (const int64_t batch_bytes : {20, 200, 500, 5000, 1 << 20}) {
    FailureSuite::Try(
        "BatchReader::Next, of a file", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
          return Reading{BatchReader::Open(file, OptionsFor(pool, batch_bytes)).value(), {}, {}};
        },
        ReadOn, TextOfReading);
  }
  FailureSuite::Try(
      "BatchReader::Next, of a buffer", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        return Reading{BatchReader::Open(buffer, OptionsFor(pool, 500)).value(), {}, {}};
      },
      ReadOn, TextOfReading);
  FailureSuite::Try(
      "BatchReader::Next, of a datagram above the limit", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        BatchReaderOptions options = OptionsFor(pool, 500);
        options.max_dgram_bytes = 100;
        const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
        return Reading{BatchReader::Open(file, std::move(options)).value(), {}, {}};
      },
      ReadOn, TextOfReading);
}

TEST(DgramOutOfMemory, ReadingStreams) {
  for (const int64_t batch_bytes : {20, 200, 5000}) {
    FailureSuite::Try(
        "BatchReader::Next, of a stream", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          return Reading{
              BatchReader::OpenStream(*Stream(TwoRuns(), 150), OptionsFor(pool, batch_bytes))
                  .value(),
              {},
              {}};
        },
        ReadOn, TextOfReading);
  }
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    FailureSuite::Try(
        "BatchReader::Next, of a malformed stream", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          BatchReaderOptions options = OptionsFor(pool, 700);
          options.max_dgram_bytes = 1 << 20;
          return Reading{
              BatchReader::OpenStream(*Stream(corruption.bytes, 150), options).value(), {}, {}};
        },
        ReadUpToAFault, TextOfReading);
  }
}

// The file is complete: this tests what a reader allocates besides.
TEST(DgramOutOfMemory, ReadingWhatIsBeingWritten) {
  const auto reading = [](const std::string& run, int64_t batch_bytes) {
    return [run, batch_bytes](MemoryPool* pool) {
      BatchReaderOptions options = OptionsFor(pool, batch_bytes);
      options.live = io::LiveWatch::Make({.silence = std::chrono::seconds(0)}).value();
      const std::shared_ptr<io::RandomAccessFile> file =
          io::BufferReader::Make(fixtures::AsBuffer(run)).value();
      return Reading{BatchReader::Open(file, std::move(options)).value(), {}, {}};
    };
  };
  const std::string run = TwoRuns();
  for (const int64_t batch_bytes : {20, 200, 5000}) {
    FailureSuite::Try("BatchReader::Next, of what is being written", OutOfMemory::kStatus,
                      reading(run, batch_bytes), ReadOn, TextOfReading);
    FailureSuite::Try("BatchReader::Next, of what is cut by a silence", OutOfMemory::kStatus,
                      reading(run.substr(0, run.size() - 30), batch_bytes), ReadUpToAFault,
                      TextOfReading);
  }
}

TEST(DgramOutOfMemory, ReadingWhatIsMalformed) {
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    const auto buffer = fixtures::AsBuffer(corruption.bytes);
    FailureSuite::Try(
        "BatchReader::Next, of a malformed file",
        corruption.bytes.empty() ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
          return Reading{BatchReader::Open(file, OptionsFor(pool, 700)).value(), {}, {}};
        },
        ReadUpToAFault, TextOfReading);
  }
}

// Each read fails in its turn; repeated, it reads the same bytes, and nothing is read twice.
TEST(DgramOutOfMemory, EveryReadOfAFileFailsOnce) {
  const std::string run = TwoRuns();
  for (const int64_t batch_bytes : {20, 200, 500, 5000}) {
    const auto read = [&](int64_t fail_at) {
      const auto file = std::make_shared<CountedFile>(run);
      Reading reading{BatchReader::Open(file, OptionsFor(nullptr, batch_bytes)).value(), {}, {}};
      file->FailAt(fail_at);
      Status status = ReadOn(reading);
      if (fail_at > 0 && !status.ok()) {
        EXPECT_EQ(status.code(), StatusCode::kUnavailable);
        const int64_t position = reading.reader->position();
        EXPECT_LE(position, reading.reader->end());
        status = ReadOn(reading);
      }
      EXPECT_TRUE(status.ok()) << status;
      return std::pair(reading.digest.text(), file->reads().size());
    };
    const auto [expected, reads] = read(0);
    for (size_t n = 1; n <= reads; ++n) {
      EXPECT_EQ(read(static_cast<int64_t>(n)).first, expected)
          << "batches of " << batch_bytes << ", read " << n;
    }
    EXPECT_GE(reads, 1);
  }
}

TEST(DgramOutOfMemory, BlockRecyclers) {
  FailureSuite::Try(
      "BlockRecycler", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
      [](MemoryPool*& pool) { return std::make_shared<BlockRecycler>(pool, Label(), size_t{3}); },
      [](MemoryPool*&, const std::shared_ptr<BlockRecycler>& made) {
        return std::to_string(made->pool() != nullptr);
      });
  struct State {
    std::shared_ptr<BlockRecycler> recycler;
    std::shared_ptr<Buffer> kept;
    ~State() { recycler->Close(); }
  };
  const auto make = [](MemoryPool* pool) {
    auto state = std::make_unique<State>();
    state->recycler = std::make_shared<BlockRecycler>(pool, Label());
    state->kept = state->recycler->Take(1000).value();
    return state;
  };
  const auto size_of = [](std::unique_ptr<State>&, const std::shared_ptr<Buffer>& block) {
    return std::to_string(block->size());
  };
  FailureSuite::Try(
      "BlockRecycler::Take, a fresh one", OutOfMemory::kStatus, make,
      [](std::unique_ptr<State>& state) { return state->recycler->Take(500, 700); }, size_of);
  for (const int64_t nbytes : {500, 5000}) {
    FailureSuite::Try(
        "BlockRecycler::Take, with one idle", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          auto state = make(pool);
          state->kept = nullptr;
          return state;
        },
        [&](std::unique_ptr<State>& state) { return state->recycler->Take(nbytes); }, size_of);
  }
  FailureSuite::Try(
      "BlockRecycler::Close", OutOfMemory::kNeedsNone, make,
      [](std::unique_ptr<State>& state) {
        state->kept = nullptr;
        state->recycler->Close();
      },
      [](std::unique_ptr<State>&) { return std::string(); });
}

// ---- The verifier

struct Verifying {
  Digest found;
  int64_t findings = 0;
  std::unique_ptr<Verifier> verifier;
  std::unique_ptr<BatchReader> reader;
};
std::unique_ptr<Verifying> Verify(MemoryPool* pool, const std::string& bytes, int64_t batch_bytes) {
  auto state = std::make_unique<Verifying>();
  Verifying& verifying = *state;
  state->verifier = std::make_unique<Verifier>("run.xtc2", [&verifying](const Finding& finding) {
    ++verifying.findings;
    verifying.found.Add(static_cast<int64_t>(finding.kind));
    verifying.found.Add(finding.byte);
    verifying.found.Add(finding.dgram_index);
    verifying.found.Add(finding.text);
  });
  const std::shared_ptr<io::RandomAccessFile> file =
      io::BufferReader::Make(fixtures::AsBuffer(bytes)).value();
  state->reader = BatchReader::Open(file, ForVerifying(OptionsFor(pool, batch_bytes))).value();
  return state;
}
std::string TextOfVerifying(std::unique_ptr<Verifying>& state) {
  const VerifyTotals& totals = state->verifier->totals();
  EXPECT_EQ(state->findings, totals.faults + totals.remarks);
  return absl::StrCat(state->found.text(), " ", totals.dgrams, " ", totals.bytes, " ",
                      totals.faults, " ", totals.remarks, " ", totals.bytes_not_reached);
}

// No finding is reported twice, and none is missing.
TEST(DgramOutOfMemory, Verifying) {
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    const std::string bytes = corruption.bytes + fixtures::Event(1) + corruption.bytes;
    FailureSuite::Try(
        "Verifier::CheckAll", OutOfMemory::kStatus,
        [&](MemoryPool* pool) { return Verify(pool, bytes, 1500); },
        [](std::unique_ptr<Verifying>& state) { return state->verifier->CheckAll(*state->reader); },
        TextOfVerifying);
  }
  FailureSuite::Try(
      "Verifier::CheckBatch, at the end", OutOfMemory::kStatus,
      [&](MemoryPool* pool) { return Verify(pool, "", 1500); },
      [](std::unique_ptr<Verifying>& state) {
        return state->verifier->CheckBatch(*state->reader).status();
      },
      TextOfVerifying);
  FailureSuite::Try(
      "Verifier", OutOfMemory::kThrows, failing::NoObjects,
      [](int&) {
        return std::make_unique<Verifier>(
            "a source with a long name", [](const Finding&) {}, Declared());
      },
      [](int&, const std::unique_ptr<Verifier>& made) {
        return std::to_string(made->totals().dgrams);
      });
  BatchReaderOptions named;
  named.name = "a source with a long name";
  failing::TryThrowing("ForVerifying", [&] { return Answer(ForVerifying(named).name); });
}

// A Configure whose check was interrupted declares nothing for the next datagram.
TEST(DgramOutOfMemory, AnInterruptedConfigureIsForgotten) {
  const Dgram configure = Configure();
  const Dgram event = Event(1);
  for (int64_t n = 1;; ++n) {
    auto state = Verify(nullptr, "", 100);
    bool threw = false;
    {
      const failing::FailingNew failing(n, false);
      try {
        state->verifier->Check(configure);
      } catch (const std::bad_alloc&) {
        threw = true;
      }
    }
    state->verifier->Check(event);
    // "The first datagram is not Configure", and data before any; otherwise nothing.
    EXPECT_EQ(state->verifier->totals().faults, threw ? 2 : 0) << "at " << n;
    EXPECT_EQ(state->verifier->totals().dgrams, threw ? 1 : 2) << "at " << n;
    if (!threw) {
      EXPECT_GT(n, 3);
      break;
    }
  }
}

TEST(DgramOutOfMemory, TimesOfASource) {
  constexpr int64_t kDgrams = 10'000;
  struct State {
    std::unique_ptr<internal::SourceTimes> times = std::make_unique<internal::SourceTimes>();
    int64_t added = 0;
  };
  const auto text = [](State& state) {
    Digest digest;
    for (const SourceTime& mark : state.times->marks()) {
      digest.Add(mark.offset);
      digest.Add(static_cast<int64_t>(mark.time_ns));
    }
    return digest.text();
  };
  FailureSuite::Try(
      "internal::SourceTimes::Add", OutOfMemory::kThrows, [](MemoryPool*) { return State(); },
      [](State& state) {
        for (; state.added < kDgrams; ++state.added) {
          state.times->Add(state.added * 100, Timestamp(1, static_cast<uint32_t>(state.added * 7)));
        }
      },
      text);
  FailureSuite::Try(
      "internal::SourceTimes::marks", OutOfMemory::kThrows,
      [](MemoryPool*) {
        State state;
        for (int64_t i = 0; i < 50; ++i)
          state.times->Add(i, Timestamp(1, static_cast<uint32_t>(i)));
        return state;
      },
      [](State& state) { return state.times->marks().size(); },
      [](State&, size_t marks) { return std::to_string(marks); });
}

}  // namespace
}  // namespace alkaid::dgram
