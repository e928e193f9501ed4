// BatchReader over files that are still being written. The writer acts when the reader waits
// (fixtures/live_script.h), so that no test depends on the clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/live_script.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

namespace fs = std::filesystem;
using io::LiveEnd;
using io::LiveScript;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Outcome {
  std::string bytes;  // of all datagrams, back to back
  int64_t dgrams = 0;
  Status status;
};

class LiveBatchReader : public ::testing::Test {
 protected:
  LiveBatchReader() {
    std::string name = ::testing::TempDir() + "alkaid_live_reader_XXXXXX";
    folder = ::mkdtemp(name.data());
    path = folder + "/run.xtc2";
  }
  ~LiveBatchReader() override { fs::remove_all(folder); }

  std::unique_ptr<BatchReader> Open(std::shared_ptr<io::LiveWatch> watch,
                                    int64_t batch_bytes = 4 << 20) {
    BatchReaderOptions options;
    options.live = std::move(watch);
    options.batch_bytes = batch_bytes;
    options.pool = &pool;
    auto reader = BatchReader::Open(path, std::move(options));
    EXPECT_THAT(reader, IsOk());
    return *std::move(reader);
  }

  // Reads with every check; indices and offsets must be in order.
  static Outcome ReadAll(BatchReader& reader) {
    Outcome outcome;
    while (true) {
      const Result<DgramBatch> batch = reader.Next();
      outcome.status = batch.status();
      if (!batch.ok() || batch->empty()) return outcome;
      for (const Dgram& dgram : *batch) {
        EXPECT_EQ(dgram.index(), outcome.dgrams++);
        EXPECT_EQ(dgram.offset(), static_cast<int64_t>(outcome.bytes.size()));
        EXPECT_THAT(CheckDgram(dgram), IsOk());
        outcome.bytes.append(reinterpret_cast<const char*>(dgram.data()),
                             static_cast<size_t>(dgram.size()));
      }
    }
  }

  std::string folder;
  std::string path;
  LiveScript script;
  ProxyMemoryPool pool{default_memory_pool()};
};

TEST_F(LiveBatchReader, GivesTheSameDatagramsHoweverTheFileGrows) {
  // A second Configure, and a datagram larger than most batches.
  const std::string run =
      fixtures::Configure() + fixtures::Event(1) + fixtures::Configure() + fixtures::Event(2) +
      fixtures::Dgram(TransitionId::kEnable, fixtures::Xtc(77, std::string(700, 'x'))) +
      fixtures::Event(3) + fixtures::Dgram(TransitionId::kEndRun, "");
  for (const size_t step : {1, 7, 24, 100, 1000, 100'000}) {
    for (const int64_t batch : {1, 24, 100, 170, 500, 2000, 1 << 20}) {
      LiveScript writer;
      fs::remove(path);
      LiveScript::Append(path, "");
      writer.Write(path, run, step);
      const auto reader = Open(writer.Watch(), batch);
      const Outcome outcome = ReadAll(*reader);
      ASSERT_THAT(outcome.status, IsOk()) << step << " " << batch;
      ASSERT_EQ(outcome.bytes, run) << step << " " << batch;
      ASSERT_EQ(reader->live_end(), LiveEnd::kEndRun);
      ASSERT_TRUE(writer.done());
    }
  }
}

TEST_F(LiveBatchReader, NothingIsWaitedForBehindAnEndRunAndWhatStandsThereIsRead) {
  const std::string run = fixtures::Run(3);
  LiveScript::Append(path, run + run);
  const auto reader = Open(script.Watch());
  const Outcome outcome = ReadAll(*reader);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.bytes, run + run);
  EXPECT_EQ(script.pauses(), 0);

  // Half a datagram is there; the rest is still being written.
  LiveScript::Append(path, run.substr(0, 50));
  script.Write(path, run.substr(50), 100);
  EXPECT_EQ(ReadAll(*Open(script.Watch())).bytes, run + run + run);
}

TEST_F(LiveBatchReader, AWriterThatStallsIsWaitedForAsLongAsStated) {
  const std::string run = fixtures::Run(3);
  LiveScript::Append(path, run.substr(0, 400));
  // Silence for many pauses, but shorter than the limit.
  for (int i = 0; i < 40; ++i) script.Then([] {});
  script.Write(path, run.substr(400), 1000);
  const auto reader = Open(script.Watch(seconds(60)));
  EXPECT_EQ(ReadAll(*reader).bytes, run);
  EXPECT_GT(script.now(), seconds(5));
  EXPECT_EQ(reader->live_end(), LiveEnd::kEndRun);
}

TEST_F(LiveBatchReader, ASilenceBetweenDatagramsIsTheEnd) {
  const std::string run = fixtures::Configure() + fixtures::Event(0);
  LiveScript::Append(path, run);
  const auto reader = Open(script.Watch(seconds(10)));
  const Outcome outcome = ReadAll(*reader);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.bytes, run);
  EXPECT_EQ(reader->live_end(), LiveEnd::kSilence);
  // It stays the end, whatever is written later.
  LiveScript::Append(path, fixtures::Event(1));
  EXPECT_EQ(ReadAll(*reader).dgrams, 0);
}

TEST_F(LiveBatchReader, AWriterKilledInADatagramIsAFaultWithFileByteAndWhatIsThere) {
  const std::string before = fixtures::Configure() + fixtures::Event(0);
  for (const size_t there : {1, 23, 24, 100}) {
    for (const int64_t batch : {1, 200, 1 << 20}) {
      LiveScript writer;
      fs::remove(path);
      LiveScript::Append(path, before.substr(0, 30));
      writer.Write(path, before.substr(30) + fixtures::Event(1).substr(0, there), 33);
      const auto reader = Open(writer.Watch(seconds(10)), batch);
      const Outcome outcome = ReadAll(*reader);
      EXPECT_EQ(outcome.bytes, before);
      EXPECT_THAT(outcome.status,
                  StatusIs(StatusCode::kDataLoss,
                           AllOf(HasSubstr(absl::StrCat(path, ": byte ", before.size())),
                                 HasSubstr("datagram 2"),
                                 HasSubstr(absl::StrCat("partial datagram: ", there)),
                                 HasSubstr("nothing was written for 10"))));
      EXPECT_EQ(reader->Next().status(), outcome.status);
    }
  }
}

TEST_F(LiveBatchReader, AStopLeavesOutWhatIsNotWhole) {
  const std::string run = fixtures::Configure() + fixtures::Event(0);
  LiveScript::Append(path, run + fixtures::Event(1).substr(0, 77));
  script.Then([] {}).Then([this] { script.Stop(); });
  const auto reader = Open(script.Watch());
  const Outcome outcome = ReadAll(*reader);
  ALKAID_EXPECT_OK(outcome.status);
  EXPECT_EQ(outcome.bytes, run);
  EXPECT_EQ(reader->live_end(), LiveEnd::kStopped);
}

TEST_F(LiveBatchReader, MalformedHeadersAreFaultsAtOnce) {
  const std::string run = fixtures::Configure() + fixtures::Event(0);
  LiveScript::Append(path, run + std::string(30, '\0'));
  const Outcome outcome = ReadAll(*Open(script.Watch()));
  EXPECT_EQ(outcome.bytes, run);
  EXPECT_THAT(outcome.status,
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr(absl::StrCat("byte ", run.size())), HasSubstr("extent 0"))));
  EXPECT_EQ(script.pauses(), 0);
}

TEST_F(LiveBatchReader, ADatagramAboveTheLimitIsNotWaitedFor) {
  LiveScript::Append(path, fixtures::Configure() + fixtures::Event(0).substr(0, 30));
  BatchReaderOptions options;
  options.live = script.Watch();
  options.max_dgram_bytes = static_cast<int64_t>(fixtures::Event(0).size()) - 1;
  options.read_configures = false;
  options.require_configuration = false;
  options.begin = static_cast<int64_t>(fixtures::Configure().size());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(path, options));
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kResourceExhausted, HasSubstr("the limit is")));
  EXPECT_EQ(script.pauses(), 0);
}

TEST_F(LiveBatchReader, ARenamedFileIsReadOnAndOneThatIsCutIsAFault) {
  const std::string run = fixtures::Run(3);
  LiveScript::Append(path + ".inprogress", run.substr(0, 300));
  script.Then([this] { fs::rename(path + ".inprogress", path); });
  script.Write(path, run.substr(300), 50);
  const auto reader = Open(script.Watch());
  EXPECT_EQ(ReadAll(*reader).bytes, run);

  fs::resize_file(path, run.size() - 1);
  script.Then([&] { fs::resize_file(path, 40); });
  EXPECT_THAT(ReadAll(*Open(script.Watch())).status,
              StatusIs(StatusCode::kDataLoss, HasSubstr("cut to 40 bytes")));
}

TEST_F(LiveBatchReader, ARunTenTimesAsLongTakesNoMoreMemory) {
  const auto peak = [&](uint32_t events, size_t step) {
    LiveScript writer;
    fs::remove(path);
    LiveScript::Append(path, "");
    writer.Write(path, fixtures::Run(events), step);
    ProxyMemoryPool own(default_memory_pool());
    BatchReaderOptions options;
    options.live = writer.Watch();
    options.batch_bytes = 4096;
    options.pool = &own;
    const auto reader = BatchReader::Open(path, std::move(options));
    EXPECT_EQ(ReadAll(**reader).dgrams, events + 3);
    return own.max_memory();
  };
  for (const size_t step : {37, 5000}) {
    const int64_t one = peak(300, step);
    EXPECT_GT(one, 0);
    EXPECT_LE(one, 3 * 4096);
    EXPECT_EQ(peak(3000, step), one);
  }
}

TEST_F(LiveBatchReader, WhatComesInSmallPiecesIsHeldInFullBlocks) {
  const std::string run = fixtures::Run(100);
  LiveScript::Append(path, "");
  script.Write(path, run, fixtures::Event(0).size());
  const auto reader = Open(script.Watch(), int64_t{1} << 16);
  std::vector<DgramBatch> held;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, reader->Next());
    if (batch.empty()) break;
    held.push_back(batch);
  }
  EXPECT_GT(held.size(), 90U);
  EXPECT_LE(pool.max_memory(), 2 << 16);
}

TEST_F(LiveBatchReader, GoesOnAfterAFailureThatPasses) {
  const std::string run = fixtures::Run(3);
  for (int64_t n = 1; n <= 3; ++n) {
    const auto file = std::make_shared<CountedFile>(run);
    FaultInjectingMemoryPool failing(default_memory_pool());
    failing.fail_after(n);
    file->FailAt(n);
    LiveScript writer;
    BatchReaderOptions options;
    options.live = writer.Watch();
    options.batch_bytes = 200;
    options.pool = &failing;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(file, options));
    std::string bytes;
    int failures = 0;
    while (true) {
      const Outcome outcome = [&] {
        Outcome got;
        while (true) {
          const Result<DgramBatch> batch = reader->Next();
          got.status = batch.status();
          if (!batch.ok() || batch->empty()) return got;
          got.bytes.append(reinterpret_cast<const char*>(batch->begin()->data()),
                           static_cast<size_t>(batch->nbytes()));
        }
      }();
      bytes += outcome.bytes;
      if (outcome.status.ok()) break;
      ++failures;
    }
    EXPECT_EQ(bytes, run);
    // Two blocks serve the whole run.
    EXPECT_EQ(failures, n <= 2 ? 2 : 1) << n;
  }
}

TEST_F(LiveBatchReader, WhatCannotGrowIsRefused) {
  BatchReaderOptions options;
  options.live = script.Watch();
  EXPECT_THAT(BatchReader::Open(fixtures::AsBuffer(fixtures::Run(1)), options),
              StatusIs(StatusCode::kInvalidArgument));
  LiveScript::Append(path, fixtures::Run(1));
  options.end = 100;
  EXPECT_THAT(BatchReader::Open(path, options), StatusIs(StatusCode::kInvalidArgument));
  options.end = -1;
  EXPECT_THAT(BatchReader::Open(folder + "/none", options), StatusIs(StatusCode::kNotFound));
  options.on_fault = OnFault::kSkipDatagram;
  EXPECT_THAT(BatchReader::Open(path, options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("takes a file that is complete")));
}

TEST_F(LiveBatchReader, AStreamIsWaitedForWithoutIt) {
  BatchReaderOptions options;
  options.live = script.Watch();
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(BatchReader::Open(pipe, options),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(pipe), HasSubstr("a stream is waited for anyway"))));
  const std::shared_ptr<io::InputStream> stream =
      *io::BufferReader::Make(fixtures::AsBuffer(fixtures::Run(1)));
  EXPECT_THAT(BatchReader::OpenStream(stream, options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a stream is waited for anyway")));
}

TEST_F(LiveBatchReader, AFileOfAnotherKindIsCalledThat) {
  const std::string text = "root:x:0:0:root:/root:/bin/bash\n";
  // Above the limit of a datagram, and cut within the header.
  for (const std::string& there : {text, text.substr(0, 20)}) {
    LiveScript writer;
    fs::remove(path);
    LiveScript::Append(path, there);
    EXPECT_THAT(ReadAll(*Open(writer.Watch(seconds(10)))).status,
                StatusIs(StatusCode::kDataLoss,
                         AllOf(HasSubstr(path + ": byte 0"), HasSubstr("not an XTC2 file"))));
  }
}

TEST_F(LiveBatchReader, TheEndIsKnownOnceItWasMet) {
  const std::string run = fixtures::Run(3);
  const auto size = static_cast<int64_t>(run.size());
  LiveScript::Append(path, run.substr(0, 300));
  script.Write(path, run.substr(300), 50);
  const auto reader = Open(script.Watch());
  EXPECT_EQ(reader->end(), -1);
  ALKAID_EXPECT_OK(ReadAll(*reader).status);
  EXPECT_EQ(reader->end(), size);

  // FindEnd waits for the end, and Next returns nothing after that.
  const auto unread = Open(script.Watch(seconds(1)));
  ALKAID_ASSERT_OK(unread->Next().status());
  EXPECT_THAT(unread->FindEnd(), IsOkAndHolds(size));
  EXPECT_EQ(ReadAll(*unread).dgrams, 0);
}

}  // namespace
}  // namespace alkaid::dgram
