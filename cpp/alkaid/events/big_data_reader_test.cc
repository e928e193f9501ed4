#include "alkaid/events/big_data_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using fixtures::Smd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A file in memory that gives only `there` bytes, until it was asked `grows_after` times.
class GrowingFile final : public io::RandomAccessFile {
 public:
  GrowingFile(std::string bytes, int64_t there, int grows_after)
      : bytes_(std::move(bytes)), there_(there), grows_after_(grows_after) {}
  Result<int64_t> GetSize() override { return static_cast<int64_t>(bytes_.size()); }
  using io::RandomAccessFile::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override {
    const auto whole = static_cast<int64_t>(bytes_.size());
    const int64_t end = grows_after_-- > 0 ? there_ : whole;
    const int64_t count = std::clamp<int64_t>(end - position, 0, nbytes);
    std::memcpy(out, bytes_.data() + position, static_cast<size_t>(count));
    return count;
  }
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t, int64_t) override { return Unused(); }
  Result<int64_t> Read(int64_t, void*) override { return Unused(); }
  Result<std::shared_ptr<Buffer>> Read(int64_t) override { return Unused(); }
  Status Seek(int64_t) override { return Unused(); }
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return Unused(); }

 private:
  static Status Unused() { return status::NotImplemented("not used"); }
  const std::string bytes_;
  const int64_t there_;
  int grows_after_;
};

// A run of streams with small and big data, which are built together.
class Streams {
 public:
  explicit Streams(int count) : small_(static_cast<size_t>(count)), big_(small_.size()) {}

  void Transition(TransitionId service, uint64_t timestamp, const std::string& payload = "") {
    for (size_t i = 0; i < small_.size(); ++i) {
      small_[i] += Dgram(service, timestamp, payload);
      big_[i] += Dgram(service, timestamp, payload);
    }
  }
  // A transition that only the small data have.
  void FakeTransition(TransitionId service, uint64_t timestamp) {
    for (std::string& small : small_) small += Dgram(service, timestamp);
  }
  void L1Accept(int stream, uint64_t timestamp, const std::string& payload = "data") {
    const auto i = static_cast<size_t>(stream);
    const std::string dgram = L1(timestamp, payload);
    small_[i] += Smd(timestamp, big_[i].size(), dgram.size());
    big_[i] += dgram;
  }
  // A record of that stream, which may be wrong.
  void Record(int stream, uint64_t timestamp, uint64_t offset, uint64_t size) {
    small_[static_cast<size_t>(stream)] += Smd(timestamp, offset, size);
  }
  const std::vector<std::string>& small() const { return small_; }
  std::string& big(int stream) { return big_[static_cast<size_t>(stream)]; }

  std::shared_ptr<EventBuilder> Builder(int64_t batch_size = 1000) const {
    EventBuilderOptions options;
    options.batch_size = batch_size;
    return *EventBuilder::Make(fixtures::Source(small_), options);
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (size_t i = 0; i < big_.size(); ++i) paths.push_back("run/s" + std::to_string(i));
    return paths;
  }
  // Opens the streams' files from memory; `more` has other files by path.
  BigDataReaderOptions::OpenFile OpenFile(std::map<std::string, std::string> more = {}) const {
    for (size_t i = 0; i < big_.size(); ++i) more["run/s" + std::to_string(i)] = big_[i];
    return [files = std::move(more)](
               const std::string& path) -> Result<std::shared_ptr<io::RandomAccessFile>> {
      const auto found = files.find(path);
      if (found == files.end()) return status::KeyError("no file ", path);
      return std::make_shared<io::BufferReader>(Buffer::FromString(found->second));
    };
  }

 private:
  std::vector<std::string> small_;
  std::vector<std::string> big_;
};

struct Outcome {
  // "5: 28 24" for an event at timestamp 5 whose streams have datagrams of 28 and 24 bytes.
  std::vector<std::string> events;
  // "0@0+84" for a read of 84 bytes of stream 0 from byte 0.
  std::vector<std::string> reads;
  Status status;
};

Outcome ReadAll(const Streams& streams, BigDataReaderOptions options = {},
                int64_t batch_size = 1000) {
  Outcome outcome;
  if (!options.open_file) options.open_file = streams.OpenFile();
  options.retry_pause = std::chrono::milliseconds(0);
  options.on_read = [&](const BigDataRead& read) {
    outcome.reads.push_back(
        std::to_string(read.stream) +
        (read.kind == BigDataRead::Kind::kOpenChunk
             ? ":" + read.path
             : "@" + std::to_string(read.offset) + "+" + std::to_string(read.nbytes)));
  };
  auto reader = *BigDataReader::Open(streams.paths(), streams.Builder(batch_size), options);
  BigDataEvent event;
  while (true) {
    const Result<bool> more = reader->Next(&event);
    outcome.status = more.status();
    if (!more.ok() || !*more) return outcome;
    std::string text = std::to_string(event.timestamp().value()) + ":";
    for (int i = 0; i < event.stream_count(); ++i) {
      text += event.has(i) ? " " + std::to_string(event.dgram(i).size()) : " -";
      if (!event.has(i)) continue;
      EXPECT_EQ(event.dgram(i).timestamp(), event.timestamp());
    }
    outcome.events.push_back(text);
  }
}

TEST(BigDataReader, ReadsWhatLiesTogetherAtOnce) {
  Streams streams(2);
  streams.Transition(TransitionId::kEnable, 1);
  for (uint64_t t = 2; t < 5; ++t) streams.L1Accept(0, t);
  streams.L1Accept(1, 3, "longer data");
  const Outcome outcome = ReadAll(streams);
  EXPECT_THAT(outcome.status, IsOk());
  EXPECT_THAT(outcome.events, ElementsAre("1: 24 24", "2: 28 -", "3: 28 35", "4: 28 -"));
  EXPECT_THAT(outcome.reads, ElementsAre("0@24+84", "1@24+35"));
}

TEST(BigDataReader, EndsAGroupAtEveryTransitionAlsoWhereTheFileGoesOnUnbroken) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  streams.FakeTransition(TransitionId::kDisable, 2);
  streams.FakeTransition(TransitionId::kEnable, 3);
  streams.L1Accept(0, 4);
  streams.L1Accept(0, 5);
  const Outcome outcome = ReadAll(streams);
  EXPECT_THAT(outcome.events, ElementsAre("1: 28", "2: 24", "3: 24", "4: 28", "5: 28"));
  EXPECT_THAT(outcome.reads, ElementsAre("0@0+28", "0@28+56"));
}

TEST(BigDataReader, EndsAGroupWithTheBatchAndBeforeItReachesItsLimit) {
  Streams streams(1);
  for (uint64_t t = 1; t < 6; ++t) streams.L1Accept(0, t);
  EXPECT_THAT(ReadAll(streams, {}, 2).reads, ElementsAre("0@0+56", "0@56+56", "0@112+28"));
  BigDataReaderOptions options;
  options.chunk_bytes = 56;  // fewer bytes than this: two of 28 are too many
  EXPECT_EQ(ReadAll(streams, options).reads.size(), 5);
  options.chunk_bytes = 57;
  EXPECT_THAT(ReadAll(streams, options).reads, ElementsAre("0@0+56", "0@56+56", "0@112+28"));
  options.chunk_bytes = 1;  // each is larger than the limit, and its own group
  EXPECT_EQ(ReadAll(streams, options).reads.size(), 5);
}

TEST(BigDataReader, StartsAGroupWhereTheNextDatagramLiesElsewhere) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  streams.big(0) += "gap";
  streams.L1Accept(0, 2);
  EXPECT_THAT(ReadAll(streams).reads, ElementsAre("0@0+28", "0@31+28"));
}

TEST(BigDataReader, GoesOnWithoutADatagramWhoseRecordCannotBeFollowedWhereAskedTo) {
  Streams streams(2);
  constexpr uint64_t kNoSuch = uint64_t{1} << 40;
  for (uint64_t t = 1; t < 7; ++t) {
    streams.L1Accept(0, t, "");
    if (t == 2 || t == 4) {
      streams.Record(1, t, t == 2 ? 0 : kNoSuch, t == 2 ? kNoSuch : 3);
    } else if (t == 6) {
      streams.Record(1, t, 0, 2000);
    } else {
      streams.L1Accept(1, t, "");
    }
  }
  std::vector<dgram::Skipped> skipped;
  BigDataReaderOptions options;
  options.max_dgram_bytes = 1000;
  options.on_skip = [&](const dgram::Skipped& one) { skipped.push_back(one); };
  EXPECT_THAT(ReadAll(streams, options).events, ElementsAre("1: 24 24"));

  options.on_fault = dgram::OnFault::kSkipDatagram;
  Outcome outcome = ReadAll(streams, options, 3);
  EXPECT_THAT(outcome.events,
              ElementsAre("1: 24 24", "2: 24 -", "3: 24 24", "4: 24 -", "5: 24 24"));
  // The limit is the program's own.
  EXPECT_THAT(outcome.status,
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("2000 bytes, the limit is 1000")));
  ASSERT_EQ(skipped.size(), 2U);
  EXPECT_EQ(skipped[0].timestamp, Timestamp(2));
  EXPECT_EQ(skipped[0].source, "stream 1");
  EXPECT_EQ(skipped[0].nbytes, SmdInfo::kDgramBytes);
  EXPECT_THAT(skipped[0].why, HasSubstr("small-data record of 1099511627776 bytes at byte 0"));
  EXPECT_THAT(skipped[1].why, HasSubstr("small-data record of 3 bytes"));

  skipped.clear();
  options.on_fault = dgram::OnFault::kResync;
  for (const int prefetch : {0, 3}) {
    options.prefetch = prefetch;
    outcome = ReadAll(streams, options, 3);
    EXPECT_THAT(outcome.status, IsOk());
    EXPECT_THAT(outcome.events,
                ElementsAre("1: 24 24", "2: 24 -", "3: 24 24", "4: 24 -", "5: 24 24", "6: 24 -"));
  }
  EXPECT_EQ(skipped.size(), 6U);
}

class BigDataReaderQueues : public ::testing::TestWithParam<io::ReadQueueKind> {};

TEST_P(BigDataReaderQueues, GiveTheSameEventsAndReadsHoweverFarTheyRunAhead) {
  if (GetParam() == io::ReadQueueKind::kIoUring && !io::CheckIoUring().ok()) {
    GTEST_SKIP() << io::CheckIoUring();
  }
  Streams streams(3);
  for (uint64_t t = 1; t < 200; ++t) {
    if (t % 20 == 0) {
      streams.Transition(TransitionId::kSlowUpdate, t);
      continue;
    }
    streams.L1Accept(0, t, std::string(t, 'x'));
    if (t % 3 == 0) streams.L1Accept(1, t, std::string(1000, 'y'));
    if (t % 7 == 0) streams.L1Accept(2, t);
  }
  BigDataReaderOptions options;
  options.chunk_bytes = 1000;
  options.prefetch = 0;
  const Outcome plain = ReadAll(streams, options, 10);
  EXPECT_THAT(plain.status, IsOk());
  EXPECT_EQ(plain.events.size(), 199);
  for (const int prefetch : {1, 2, 7}) {
    options.prefetch = prefetch;
    options.queue = GetParam();
    const Outcome ahead = ReadAll(streams, options, 10);
    EXPECT_THAT(ahead.status, IsOk());
    EXPECT_EQ(ahead.events, plain.events) << prefetch;
    EXPECT_EQ(ahead.reads, plain.reads) << prefetch;
  }
}

// The files of a run in a temporary folder.
class RunFiles {
 public:
  explicit RunFiles(Streams& streams)
      : folder_(::testing::TempDir() + "alkaid_run_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    for (int i = 0; i < static_cast<int>(streams.small().size()); ++i) {
      big.push_back(folder_ + "/s" + std::to_string(i) + ".xtc2");
      small.push_back(folder_ + "/s" + std::to_string(i) + ".smd.xtc2");
      std::ofstream(big.back(), std::ios::binary) << streams.big(i);
      std::ofstream(small.back(), std::ios::binary)
          << fixtures::SmdConfigure() + streams.small()[static_cast<size_t>(i)];
    }
  }
  ~RunFiles() { std::filesystem::remove_all(folder_); }
  RunFiles(const RunFiles&) = delete;
  RunFiles& operator=(const RunFiles&) = delete;

  std::vector<std::string> big;
  std::vector<std::string> small;

 private:
  const std::string folder_;
};

// At most `count` more events: timestamps, and the bytes of each datagram.
Result<std::vector<std::string>> Read(BigDataReader* reader, size_t count) {
  std::vector<std::string> texts;
  BigDataEvent event;
  while (texts.size() < count) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, reader->Next(&event));
    if (!more) break;
    std::string text = std::to_string(event.timestamp().value());
    for (int i = 0; i < event.stream_count(); ++i) {
      const dgram::Dgram& dgram = event.dgram(i);
      text += "|";
      if (event.has(i)) text.append(dgram.data(), dgram.data() + dgram.size());
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

TEST_P(BigDataReaderQueues, AChildOfForkReadsOnAsItsParentDoes) {
  if (GetParam() == io::ReadQueueKind::kIoUring && !io::CheckIoUring().ok()) {
    GTEST_SKIP() << io::CheckIoUring();
  }
  if (GetParam() == io::ReadQueueKind::kThreads && alkaid::internal::kMallocIsSanitizers) {
    GTEST_SKIP()
        << "a sanitizer's child of a process with threads can neither allocate nor start some";
  }
  Streams streams(2);
  for (uint64_t t = 1; t < 200; ++t) {
    if (t % 50 == 0) {
      streams.Transition(TransitionId::kSlowUpdate, t);
      continue;
    }
    streams.L1Accept(0, t, std::string(t * 10, 'x'));
    if (t % 3 == 0) streams.L1Accept(1, t, std::string(1000, 'y'));
  }
  const RunFiles files(streams);
  const auto open = [&](int prefetch) {
    SmdReaderOptions windows;
    windows.batch_size = 10;
    windows.chunk_bytes = 1000;
    EventBuilderOptions building;
    building.batch_size = 10;
    BigDataReaderOptions options;
    options.queue = GetParam();
    options.prefetch = prefetch;
    options.chunk_bytes = 3000;
    return *BigDataReader::Open(
        files.big, *EventBuilder::Make(*SmdReader::Open(files.small, windows), building), options);
  };
  constexpr size_t kAll = 1000;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto expected, Read(open(0).get(), kAll));
  ASSERT_EQ(expected.size(), 199);
  for (const size_t read_before : {0, 1, 9, 10, 63, 198, 199}) {
    const auto reader = open(3);
    ALKAID_ASSERT_OK(Read(reader.get(), read_before));
    const auto reads_on = [&] {
      const auto rest = Read(reader.get(), kAll);
      return rest.ok() &&
             std::equal(rest->begin(), rest->end(),
                        expected.begin() + static_cast<ptrdiff_t>(read_before), expected.end());
    };
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);
      ::_exit(reads_on() ? 0 : 1);
    }
    EXPECT_TRUE(reads_on()) << "after " << read_before;
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "after " << read_before;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, BigDataReaderQueues,
                         ::testing::Values(io::ReadQueueKind::kInline, io::ReadQueueKind::kThreads,
                                           io::ReadQueueKind::kIoUring),
                         [](const auto& kind) { return std::string(io::ToString(kind.param)); });

// A record does not give the index of the datagram in its file.
TEST(BigDataReader, FaultsInsideADatagramNameItsByteAndItsEvent) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  streams.Record(0, 2, 28, 28);
  streams.big(0) += L1(2, "data");
  BigDataReaderOptions options;
  options.open_file = streams.OpenFile();
  auto reader = *BigDataReader::Open(streams.paths(), streams.Builder(), options);
  BigDataEvent event;
  ASSERT_THAT(reader->Next(&event), IsOkAndHolds(true));
  ASSERT_THAT(reader->Next(&event), IsOkAndHolds(true));
  const std::string place = "run/s0: byte 52 (datagram at byte 28, event 1): ";
  EXPECT_THAT(dgram::CheckDgram(event.dgram(0)), StatusIs(StatusCode::kDataLoss, HasSubstr(place)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const dgram::Dgram copy, event.dgram(0).Copy());
  EXPECT_THAT(dgram::CheckDgram(copy), StatusIs(StatusCode::kDataLoss, HasSubstr(place)));
}

TEST(BigDataReader, NamesBothSidesWhereADatagramIsNotWhatItsRecordSays) {
  Streams wrong_time(1);
  wrong_time.L1Accept(0, 1);
  wrong_time.Record(0, 3, 28, 28);
  wrong_time.big(0) += L1(2, "data");
  Outcome outcome = ReadAll(wrong_time);
  EXPECT_THAT(outcome.events, ElementsAre("1: 28"));
  EXPECT_THAT(
      outcome.status,
      StatusIs(StatusCode::kDataLoss,
               HasSubstr("run/s0: byte 28 (stream 0): datagram of 28 bytes and timestamp 2, "
                         "its small-data record says 28 bytes and timestamp 3")));

  Streams wrong_size(1);
  wrong_size.Record(0, 1, 0, 30);
  wrong_size.big(0) += L1(1, "data") + "more";
  EXPECT_THAT(ReadAll(wrong_size).status,
              StatusIs(StatusCode::kDataLoss, HasSubstr("record says 30 bytes")));
}

TEST(BigDataReader, ReportsAReadThatStaysShortAfterItsRetries) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  streams.Transition(TransitionId::kSlowUpdate, 2);
  streams.L1Accept(0, 3);
  streams.L1Accept(0, 4, std::string(76, 'x'));
  streams.big(0).resize(107);
  const Outcome outcome = ReadAll(streams);
  // Whole datagrams of the group are delivered.
  EXPECT_THAT(outcome.events, ElementsAre("1: 28", "2: 24", "3: 28"));
  EXPECT_THAT(outcome.status,
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("byte 80 (stream 0, timestamp 4): datagram of 100 bytes, the file "
                                 "has 27 of them, after 3 retries")));
}

TEST(BigDataReader, ARecordThatIsWrongCostsNoEventBeforeIt) {
  Streams streams(2);
  for (uint64_t t = 1; t < 10; ++t) streams.L1Accept(0, t);
  streams.Record(0, 10, 9 * 28, 1000);  // the file ends before
  streams.Record(1, 10, 0, 5);          // no datagram is that small
  const Outcome outcome = ReadAll(streams);
  EXPECT_EQ(outcome.events.size(), 9);
  EXPECT_THAT(outcome.status,
              StatusIs(StatusCode::kDataLoss, HasSubstr("stream 1, timestamp 10: stream 1: byte")));
}

TEST(BigDataReader, WaitsForAFileThatGrows) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  streams.L1Accept(0, 2);
  for (const int grows_after : {1, 3}) {
    BigDataReaderOptions options;
    options.prefetch = 0;
    options.open_file = [&](const std::string&) -> Result<std::shared_ptr<io::RandomAccessFile>> {
      return std::make_shared<GrowingFile>(streams.big(0), 40, grows_after);
    };
    const Outcome outcome = ReadAll(streams, options);
    EXPECT_THAT(outcome.status, IsOk());
    EXPECT_THAT(outcome.events, ElementsAre("1: 28", "2: 28"));
  }
}

TEST(BigDataReader, RefusesARecordOverTheLimitBeforeItAllocates) {
  Streams streams(1);
  streams.Record(0, 1, 0, 1'000'001);
  BigDataReaderOptions options;
  options.max_dgram_bytes = 1'000'000;
  const Outcome outcome = ReadAll(streams, options);
  EXPECT_THAT(outcome.reads, ElementsAre());
  EXPECT_THAT(outcome.status,
              StatusIs(StatusCode::kResourceExhausted,
                       HasSubstr("datagram of 1000001 bytes, the limit is 1000000")));
}

TEST(BigDataReader, DeliversTheEventsBeforeAFaultOfTheSmallData) {
  Streams streams(2);
  streams.L1Accept(0, 1);
  streams.L1Accept(0, 2);
  streams.L1Accept(1, 3);
  std::vector<std::string> small = {
      Smd(1, 0, 28) + Smd(2, 28, 28) + Dgram(TransitionId::kEndRun, 3), Smd(3, 0, 28)};
  for (const int prefetch : {0, 1, 4}) {
    EventBuilderOptions building;
    building.batch_size = 1;
    std::shared_ptr<EventBuilder> builder = *EventBuilder::Make(fixtures::Source(small), building);
    BigDataReaderOptions options;
    options.prefetch = prefetch;
    options.open_file = streams.OpenFile();
    auto reader = *BigDataReader::Open(streams.paths(), builder, options);
    BigDataEvent event;
    EXPECT_TRUE(*reader->Next(&event));
    EXPECT_TRUE(*reader->Next(&event));
    EXPECT_EQ(event.timestamp().value(), 2);
    EXPECT_THAT(reader->Next(&event), StatusIs(StatusCode::kDataLoss, HasSubstr("EndRun")));
    EXPECT_THAT(reader->Next(&event), StatusIs(StatusCode::kDataLoss, HasSubstr("EndRun")));
  }
}

TEST(BigDataReader, RefusesAnL1AcceptWithoutARecord) {
  Streams streams(1);
  streams.L1Accept(0, 1);
  std::shared_ptr<EventBuilder> builder =
      *EventBuilder::Make(fixtures::Source({Smd(1, 0, 28) + L1(2)}));
  BigDataReaderOptions options;
  options.open_file = streams.OpenFile();
  auto reader = *BigDataReader::Open(streams.paths(), builder, options);
  BigDataEvent event;
  EXPECT_TRUE(*reader->Next(&event));
  EXPECT_THAT(reader->Next(&event),
              StatusIs(StatusCode::kDataLoss, HasSubstr("L1Accept without a small-data record")));
}

TEST(BigDataReader, GivesStreamsOfSmallDataAsTheyAre) {
  Streams streams(2);
  streams.L1Accept(0, 1);
  streams.L1Accept(1, 1);
  BigDataReaderOptions options;
  options.use_small_data = {false, true};
  const Outcome outcome = ReadAll(streams, options);
  EXPECT_THAT(outcome.events, ElementsAre("1: 28 76"));
  EXPECT_THAT(outcome.reads, ElementsAre("0@0+28"));
}

TEST(BigDataReader, TriesAnEventAgainAfterAFailureThatPasses) {
  Streams streams(2);
  for (uint64_t t = 1; t < 10; ++t) {
    streams.L1Accept(0, t);
    streams.L1Accept(1, t);
  }
  const Outcome plain = ReadAll(streams, {}, 3);
  for (int64_t fail_at = 1;; ++fail_at) {
    FaultInjectingMemoryPool pool(default_memory_pool());
    BigDataReaderOptions options;
    options.open_file = streams.OpenFile();
    options.pool = &pool;
    options.chunk_bytes = 60;
    auto reader = *BigDataReader::Open(streams.paths(), streams.Builder(3), options);
    pool.fail_after(fail_at);
    BigDataEvent event;
    int64_t events = 0;
    while (true) {
      Result<bool> more = reader->Next(&event);
      if (!more.ok()) {
        EXPECT_THAT(more, StatusIs(StatusCode::kResourceExhausted));
        more = reader->Next(&event);
      }
      ASSERT_THAT(more, IsOk());
      if (!*more) break;
      EXPECT_EQ(event.timestamp().value(), static_cast<uint64_t>(++events));
      EXPECT_EQ(event.dgram(0).size(), 28);
      EXPECT_EQ(event.dgram(1).size(), 28);
    }
    EXPECT_EQ(events, 9);
    if (pool.failures_injected() == 0) break;
  }
}

TEST(BigDataReader, ItsDatagramsKeepTheirBlockAndNothingElse) {
  ProxyMemoryPool pool(default_memory_pool());
  Streams streams(1);
  for (uint64_t t = 1; t < 100; ++t) streams.L1Accept(0, t, std::string(5000, 'x'));
  dgram::Dgram kept;
  {
    BigDataReaderOptions options;
    options.open_file = streams.OpenFile();
    options.pool = &pool;
    options.chunk_bytes = 10'100;
    auto reader = *BigDataReader::Open(streams.paths(), streams.Builder(), options);
    BigDataEvent event;
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(*reader->Next(&event));
    kept = event.dgram(0);
  }
  EXPECT_EQ(kept.buffer()->ToString(), L1(50, std::string(5000, 'x')));
  EXPECT_EQ(kept.source(), "run/s0");
  EXPECT_EQ(kept.offset(), 49 * 5024);
  EXPECT_LE(pool.bytes_allocated(), 10'112);
  kept = dgram::Dgram();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

// A run ten times as long needs no more memory: the settings determine the peak.
TEST(BigDataReader, HasThePeakOfItsSettingsHoweverLongTheRun) {
  const auto peak_of = [](uint64_t events, int prefetch) {
    Streams streams(2);
    for (uint64_t t = 1; t <= events; ++t) {
      streams.L1Accept(0, t, std::string(800, 'x'));
      if (t % 2 == 0) streams.L1Accept(1, t, std::string(100, 'y'));
      if (t % 500 == 0) streams.Transition(TransitionId::kSlowUpdate, t);
    }
    // All stages take their memory from one pool.
    ProxyMemoryPool pool(default_memory_pool());
    SmdReaderOptions windows;
    windows.chunk_bytes = 16 << 10;
    windows.batch_size = 50;
    windows.pool = &pool;
    std::vector<std::unique_ptr<dgram::BatchReader>> readers;
    for (const std::string& small : streams.small()) {
      dgram::BatchReaderOptions reading;
      reading.batch_bytes = windows.chunk_bytes;
      reading.pool = &pool;
      readers.push_back(*dgram::BatchReader::Open(
          std::make_shared<io::BufferReader>(Buffer::FromString(fixtures::SmdConfigure() + small)),
          reading));
    }
    EventBuilderOptions building;
    building.batch_size = 100;
    building.pool = &pool;
    std::shared_ptr<EventBuilder> builder =
        *EventBuilder::Make(*SmdReader::Open(std::move(readers), windows), building);
    BigDataReaderOptions options;
    options.open_file = streams.OpenFile();
    options.pool = &pool;
    options.prefetch = prefetch;
    options.chunk_bytes = 16 << 10;
    auto reader = *BigDataReader::Open(streams.paths(), builder, options);
    BigDataEvent event;
    while (*reader->Next(&event)) {
    }
    EXPECT_EQ(reader->statistics().dgrams, static_cast<int64_t>(events + events / 2));
    return pool.max_memory();
  };
  for (const int prefetch : {0, 2}) {
    const int64_t peak = peak_of(2'000, prefetch);
    EXPECT_EQ(peak_of(20'000, prefetch), peak) << prefetch;
    // Blocks in use, read ahead, and waiting for reuse; a few chunks of small data for each stream,
    // and the batches.
    EXPECT_LE(peak, (2 + prefetch + prefetch + 2 + 2 * 5 + prefetch + 4) * (16 << 10));
  }
}

TEST(BigDataReader, RefusesOptionsThatMakeNoSense) {
  Streams streams(1);
  const auto open = [&](BigDataReaderOptions options) {
    if (!options.open_file) options.open_file = streams.OpenFile();
    return BigDataReader::Open(streams.paths(), streams.Builder(), std::move(options)).status();
  };
  BigDataReaderOptions options;
  options.chunk_bytes = 0;
  EXPECT_THAT(open(options), StatusIs(StatusCode::kInvalidArgument));
  options = {};
  options.prefetch = -1;
  EXPECT_THAT(open(options), StatusIs(StatusCode::kInvalidArgument));
  options = {};
  options.max_dgram_bytes = 23;
  EXPECT_THAT(open(options), StatusIs(StatusCode::kInvalidArgument));
  options = {};
  options.open_file = [](const std::string&) -> Result<std::shared_ptr<io::RandomAccessFile>> {
    return std::shared_ptr<io::RandomAccessFile>();
  };
  EXPECT_THAT(open(options), StatusIs(StatusCode::kInvalidArgument, HasSubstr("run/s0")));
  EventBuilderOptions several;
  several.destination = [](Timestamp) { return 1; };
  EXPECT_THAT(BigDataReader::Open({"a"}, *EventBuilder::Make(fixtures::Source({""}), several)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("one destination")));
  options = {};
  options.use_small_data = {true, true};
  EXPECT_THAT(open(options), StatusIs(StatusCode::kInvalidArgument, HasSubstr("2 streams")));
  EXPECT_THAT(BigDataReader::Open({"a", "b"}, streams.Builder()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("2 files of big data")));
  EXPECT_THAT(BigDataReader::Open({"no/such/file"}, streams.Builder()),
              StatusIs(StatusCode::kNotFound, HasSubstr("no/such/file")));
}

}  // namespace
}  // namespace alkaid::events
