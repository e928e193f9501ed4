// BatchReader over streams, which are read once and in order.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/scripted_stream.h"

namespace alkaid::dgram {
namespace {

using io::internal::ScriptedStream;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Outcome {
  std::vector<int64_t> offsets;
  std::string bytes;
  Status status;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome ReadAll(BatchReader& reader) {
  Outcome outcome;
  while (true) {
    const Result<DgramBatch> batch = reader.Next();
    outcome.status = batch.status();
    if (!batch.ok() || batch->empty()) return outcome;
    for (const Dgram& dgram : *batch) {
      EXPECT_EQ(dgram.index(), static_cast<int64_t>(outcome.offsets.size()));
      EXPECT_EQ(dgram.offset(), static_cast<int64_t>(outcome.bytes.size()));
      outcome.offsets.push_back(dgram.offset());
      outcome.bytes.append(reinterpret_cast<const char*>(dgram.data()),
                           static_cast<size_t>(dgram.size()));
    }
  }
}

// A file is known to be too short for a datagram; a stream might go on.
bool IsBeyondTheLimit(const Status& status) {
  return status.code() == StatusCode::kResourceExhausted &&
         absl::StrContains(status.message(), "the limit is");
}

BatchReaderOptions Options(int64_t batch_bytes) {
  BatchReaderOptions options;
  options.batch_bytes = batch_bytes;
  options.name = "source";
  return options;
}
std::unique_ptr<BatchReader> OpenStream(const std::string& bytes, int64_t piece,
                                        int64_t batch_bytes = 1 << 20) {
  return BatchReader::OpenStream(std::make_shared<ScriptedStream>(bytes, piece),
                                 Options(batch_bytes))
      .value();
}
std::unique_ptr<BatchReader> OpenFile(const std::string& bytes) {
  return BatchReader::Open(std::make_shared<CountedFile>(bytes), Options(1 << 20)).value();
}

TEST(StreamBatchReader, GivesWhatAFileGivesWhateverThePiecesAndTheBatches) {
  const std::string run = fixtures::Run(20) + fixtures::Run(3);
  const Outcome expected = ReadAll(*OpenFile(run));
  ALKAID_ASSERT_OK(expected.status);
  for (const int64_t piece : {1, 7, 24, 169, 170, 4096, 1 << 20}) {
    for (const int64_t batch : {1, 24, 100, 500, 3000, 1 << 20}) {
      const auto reader = OpenStream(run, piece, batch);
      EXPECT_EQ(reader->end(), -1);
      EXPECT_EQ(ReadAll(*reader), expected) << piece << " " << batch;
      EXPECT_EQ(reader->end(), static_cast<int64_t>(run.size()));
      EXPECT_TRUE(reader->Next()->empty());
    }
  }
}

TEST(StreamBatchReader, AStreamCutAnywhereHasTheFaultOfAFileCutThere) {
  const std::string run = fixtures::Run(2);
  for (size_t size = 0; size <= run.size(); ++size) {
    const std::string cut = run.substr(0, size);
    const Outcome expected = ReadAll(*OpenFile(cut));
    for (const int64_t piece : {5, 1 << 20}) {
      ASSERT_EQ(ReadAll(*OpenStream(cut, piece, 200)), expected) << size;
    }
  }
}

TEST(StreamBatchReader, TheErrorOfAnEndInsideADatagramNamesTheByteInTheStream) {
  const std::string run = fixtures::Configure() + fixtures::Event(1);
  const auto reader = OpenStream(run + std::string(10, 'x'), 64);
  EXPECT_THAT(ReadAll(*reader).status,
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr(absl::StrCat("source: byte ", run.size(), " (datagram 2")),
                             HasSubstr("partial"), HasSubstr("10"))));
}

TEST(StreamBatchReader, WhatIsMalformedIsThatOfAFile) {
  for (const Corruption& corruption : Corruptions()) {
    const Outcome expected = ReadAll(*OpenFile(corruption.bytes));
    for (const int64_t piece : {3, 1 << 20}) {
      const Outcome outcome = ReadAll(*OpenStream(corruption.bytes, piece));
      EXPECT_EQ(outcome.bytes, expected.bytes) << corruption.name;
      if (IsBeyondTheLimit(outcome.status)) continue;
      EXPECT_EQ(outcome.status, expected.status) << corruption.name;
    }
  }
}

// A program that watches a run must not wait for the next event to see this one.
TEST(StreamBatchReader, GivesADatagramAsSoonAsItIsThere) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(auto stream, io::FileInputStream::OpenFd(ends[0]));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader,
                              BatchReader::OpenStream(std::move(stream), Options(1 << 20)));
  const auto send = [&](const std::string& bytes) {
    EXPECT_EQ(::write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  };
  send(fixtures::Configure());
  EXPECT_EQ(reader->Next()->size(), 1);
  for (uint32_t i = 0; i < 5; ++i) {
    send(fixtures::Event(i));
    EXPECT_EQ(reader->Next()->size(), 1);
  }
  // Half a datagram after a whole one.
  send(fixtures::Event(5) + fixtures::Event(6).substr(0, 40));
  EXPECT_EQ(reader->Next()->size(), 1);
  send(fixtures::Event(6).substr(40) + fixtures::Event(7));
  EXPECT_EQ(reader->Next()->size(), 2);
  ::close(ends[1]);
  EXPECT_TRUE(reader->Next()->empty());
}

TEST(StreamBatchReader, AReadThatFailsIsMadeAgainAndNothingIsLost) {
  const std::string run = fixtures::Run(6);
  const Outcome expected = ReadAll(*OpenFile(run));
  for (int64_t fail_at = 1;; ++fail_at) {
    const auto stream = std::make_shared<ScriptedStream>(run, 100);
    const auto reader = BatchReader::OpenStream(stream, Options(300)).value();
    stream->FailAt(fail_at);
    Outcome outcome;
    int failures = 0;
    while (true) {
      const Result<DgramBatch> batch = reader->Next();
      if (batch.status().code() == StatusCode::kUnavailable) {
        ++failures;
        continue;
      }
      ALKAID_ASSERT_OK(batch.status());
      if (batch->empty()) break;
      for (const Dgram& dgram : *batch) {
        outcome.offsets.push_back(dgram.offset());
        outcome.bytes.append(reinterpret_cast<const char*>(dgram.data()),
                             static_cast<size_t>(dgram.size()));
      }
    }
    ASSERT_EQ(outcome, expected) << fail_at;
    if (failures == 0) break;
    EXPECT_EQ(failures, 1);
  }
}

TEST(StreamBatchReader, ARunTenTimesAsLongTakesNoMoreMemory) {
  const auto peak = [](uint32_t events) {
    ProxyMemoryPool pool(system_memory_pool());
    BatchReaderOptions options = Options(8192);
    options.pool = &pool;
    const auto reader =
        BatchReader::OpenStream(std::make_shared<ScriptedStream>(fixtures::Run(events), 1000),
                                std::move(options))
            .value();
    const Outcome outcome = ReadAll(*reader);
    EXPECT_THAT(outcome.status, IsOk());
    EXPECT_EQ(outcome.offsets.size(), events + 3);
    return pool.max_memory();
  };
  const int64_t of_short = peak(200);
  EXPECT_EQ(peak(2000), of_short);
  EXPECT_LE(of_short, 3 * 8192);
}

// Bytes that come later follow those already given out, in the same block: a holder of these sees
// no change.
TEST(StreamBatchReader, WhatWasGivenOutStaysAsItIsWhileMoreIsRead) {
  const std::string run = fixtures::Run(50);
  const auto reader = OpenStream(run, 90, 1000);
  std::vector<Dgram> kept;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    for (const Dgram& dgram : batch) kept.push_back(dgram);
  }
  std::string bytes;
  for (const Dgram& dgram : kept) {
    ALKAID_EXPECT_OK(CheckDgram(dgram));
    bytes.append(reinterpret_cast<const char*>(dgram.data()), static_cast<size_t>(dgram.size()));
  }
  EXPECT_EQ(bytes, run);
}

TEST(StreamBatchReader, ADatagramAboveTheLimitIsRefusedAgainAndAgain) {
  BatchReaderOptions options = Options(64);
  options.max_dgram_bytes = 100;
  options.require_configuration = false;
  const auto reader =
      BatchReader::OpenStream(std::make_shared<ScriptedStream>(fixtures::Event(0), 30), options)
          .value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(reader->Next(),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("limit is 100")));
  }
}

TEST(StreamBatchReader, HasNoRange) {
  const auto open = [](int64_t begin, int64_t end) {
    BatchReaderOptions options = Options(100);
    options.begin = begin;
    options.end = end;
    return BatchReader::OpenStream(std::make_shared<ScriptedStream>("", 1), options).status();
  };
  EXPECT_THAT(open(5, -1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("read once")));
  EXPECT_THAT(open(0, 100), StatusIs(StatusCode::kInvalidArgument, HasSubstr("read once")));
  EXPECT_THAT(BatchReader::OpenStream(nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(BatchReader::OpenStream(std::make_shared<ScriptedStream>("", 1), Options(0)),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(StreamBatchReader, APathOfAFifoIsReadAsAStream) {
  const std::string path = ::testing::TempDir() + absl::StrCat("alkaid_stream.", ::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const std::string run = fixtures::Run(2000);
  std::thread writer([&] {
    const auto out = io::FileOutputStream::Open(path).value();
    EXPECT_THAT(out->Write(run), IsOk());
    EXPECT_THAT(out->Close(), IsOk());
  });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(path));
  const Outcome outcome = ReadAll(*reader);
  writer.join();
  std::filesystem::remove(path);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.bytes, run);
}

TEST(StreamBatchReader, TheVerifierFindsInAStreamWhatItFindsInAFile) {
  for (const Corruption& corruption : Corruptions()) {
    const std::string bytes = corruption.bytes + fixtures::Event(1) + corruption.bytes;
    std::vector<std::string> found[2];
    VerifyTotals totals[2];
    bool beyond = false;
    for (const int stream : {0, 1}) {
      Verifier verifier(
          "source", [&](const Finding& finding) { found[stream].push_back(finding.ToString()); });
      const auto reader =
          stream == 1
              ? BatchReader::OpenStream(std::make_shared<ScriptedStream>(bytes, 50),
                                        ForVerifying(Options(500)))
                    .value()
              : BatchReader::Open(std::make_shared<CountedFile>(bytes), ForVerifying(Options(500)))
                    .value();
      const Status status = verifier.CheckAll(*reader);
      beyond = beyond || IsBeyondTheLimit(status);
      EXPECT_TRUE(status.ok() || beyond) << status;
      totals[stream] = verifier.totals();
    }
    if (beyond) continue;
    EXPECT_EQ(found[0], found[1]) << corruption.name;
    EXPECT_EQ(totals[0].dgrams, totals[1].dgrams) << corruption.name;
    EXPECT_EQ(totals[0].bytes_not_reached, totals[1].bytes_not_reached) << corruption.name;
  }
}

}  // namespace
}  // namespace alkaid::dgram
