// Memory runs out in the reader of big data, and reads of files fail (events_failure_test.cc).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/events/big_data_event.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/event_builder.h"
#include "fixtures/counted_file.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/scripted_file.h"
#include "fixtures/tried_run.h"

namespace alkaid::events {
namespace {

using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using tried::Add;
using tried::TheRun;
using tried::UpToAFault;

struct BigReading {
  std::unique_ptr<BigDataReader> source;
  Digest digest;
  BigDataEvent event;
};
Status ReadEvents(BigReading& reading) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, reading.source->Next(&reading.event));
    if (!more) break;
    const BigDataEvent& event = reading.event;
    reading.digest.Add(event.index());
    reading.digest.Add(event.batch_index());
    reading.digest.Add(static_cast<int64_t>(event.timestamp().value()));
    for (int i = 0; i < event.stream_count(); ++i) {
      if (!event.has(i)) continue;
      reading.digest.Add(i);
      Add(event.dgram(i), &reading.digest);
    }
  }
  const BigDataReader::Statistics& statistics = reading.source->statistics();
  reading.digest.Add(statistics.events);
  reading.digest.Add(statistics.dgrams);
  reading.digest.Add(statistics.dgram_bytes);
  return absl::OkStatus();
}
std::string TextOfBigReading(BigReading& reading) { return reading.digest.text(); }

BigDataReaderOptions BigOptions(MemoryPool* pool, int prefetch) {
  BigDataReaderOptions options;
  options.pool = pool;
  options.prefetch = prefetch;
  options.queue = io::ReadQueueKind::kInline;
  options.chunk_bytes = 150;
  options.retry_pause = std::chrono::milliseconds(0);
  options.open_file = [](const std::string& path) -> Result<std::shared_ptr<io::RandomAccessFile>> {
    const auto found = TheRun().files().find(path);
    if (found == TheRun().files().end()) return status::KeyError("no file ", path);
    return io::BufferReader::Make(Buffer::FromString(found->second));
  };
  return options;
}

TEST(EventsOutOfMemory, OpeningBigData) {
  struct State {
    MemoryPool* pool;
    std::shared_ptr<EventBuilder> builder;
  };
  const auto make = [](MemoryPool* pool) { return State{pool, TheRun().Builder(pool)}; };
  const auto see = [](State&, const std::unique_ptr<BigDataReader>& reader) {
    return std::to_string(reader->stream_count());
  };
  const auto open = [&](const char* name, const std::vector<std::string>& paths,
                        const BigDataReaderOptions& options) {
    FailureSuite::Try(
        name, OutOfMemory::kStatus, make,
        [&](State& state) -> Result<std::unique_ptr<BigDataReader>> {
          BigDataReaderOptions own;
          try {
            own = options;
          } catch (const std::bad_alloc&) {
            // The copy is the test's own.
            return Status(StatusCode::kResourceExhausted, "");
          }
          own.pool = state.pool;
          return BigDataReader::Open(paths, state.builder, std::move(own));
        },
        see);
  };
  open("BigDataReader::Open", TheRun().paths(), BigOptions(nullptr, 2));
  open("BigDataReader::Open, of one path", {"one"}, BigOptions(nullptr, 2));
  open("BigDataReader::Open, of no such files", {"one", "two"}, BigOptions(nullptr, 2));
  open("BigDataReader::Open, to read nothing ahead", TheRun().paths(), BigOptions(nullptr, -1));
  BigDataReaderOptions odd = BigOptions(nullptr, 2);
  odd.max_dgram_bytes = 1;
  open("BigDataReader::Open, of no datagrams", TheRun().paths(), odd);
  odd = BigOptions(nullptr, 2);
  odd.use_small_data = {true};
  open("BigDataReader::Open, small data of one", TheRun().paths(), odd);
  odd.use_small_data = {true, true};
  odd.open_file = nullptr;
  open("BigDataReader::Open, of small data", TheRun().paths(), odd);
  failing::TryStatus("BigDataReader::Open, null", [] {
    return Answer(BigDataReader::Open(TheRun().paths(), std::shared_ptr<EventBuilder>()).status());
  });
}

TEST(EventsOutOfMemory, ReadingBigData) {
  for (const int prefetch : {0, 1, 3}) {
    for (const bool told : {false, true}) {
      if (told && prefetch < 3) continue;
      SCOPED_TRACE(prefetch);
      FailureSuite::Try(
          "BigDataReader::Next", OutOfMemory::kStatus,
          [&](MemoryPool* pool) {
            BigDataReaderOptions options = BigOptions(pool, prefetch);
            if (told) options.on_read = [](const BigDataRead&) {};
            return BigReading{
                BigDataReader::Open(TheRun().paths(), TheRun().Builder(pool), options).value(),
                {},
                {}};
          },
          ReadEvents, TextOfBigReading);
    }
  }
  // With threads: what runs on this thread fails.
  FailureSuite::Try(
      "BigDataReader::Next, by threads", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        BigDataReaderOptions options = BigOptions(pool, 2);
        options.queue = io::ReadQueueKind::kThreads;
        return BigReading{
            BigDataReader::Open(TheRun().paths(), TheRun().Builder(nullptr), options).value(),
            {},
            {}};
      },
      ReadEvents, TextOfBigReading);
  // Over a source of batches.
  FailureSuite::Try(
      "BigDataReader::Next, of batches", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        auto left = std::make_shared<std::vector<EventBatch>>();
        const auto builder = TheRun().Builder(nullptr);
        while (true) {
          EventBatches built = builder->Next().value();
          if (built.done()) break;
          left->insert(left->begin(), built.batch());
        }
        BigDataReader::BatchSource source = [left]() -> Result<std::optional<EventBatch>> {
          if (left->empty()) return std::optional<EventBatch>();
          EventBatch next = left->back();
          left->pop_back();
          return std::optional<EventBatch>(std::move(next));
        };
        return BigReading{
            BigDataReader::Open(TheRun().paths(), source, BigOptions(pool, 2)).value(), {}, {}};
      },
      ReadEvents, TextOfBigReading);
}

TEST(EventsOutOfMemory, ReadingBigDataThatIsAtFault) {
  for (const std::string& odd : {std::string(), std::string(300, 'x')}) {
    FailureSuite::Try(
        "BigDataReader::Next, at fault", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          BigDataReaderOptions options = BigOptions(pool, 2);
          const auto open = options.open_file;
          options.open_file =
              [&, open](const std::string& path) -> Result<std::shared_ptr<io::RandomAccessFile>> {
            if (path != TheRun().paths()[0]) return open(path);
            const std::string& whole = TheRun().files().at(path);
            return std::make_shared<dgram::CountedFile>(whole.substr(0, whole.size() / 2) + odd);
          };
          return BigReading{
              BigDataReader::Open(TheRun().paths(), TheRun().Builder(pool), options).value(),
              {},
              {}};
        },
        [](BigReading& reading) { return UpToAFault(ReadEvents, reading); }, TextOfBigReading);
  }
}

// Each read, and each opening of a file, fails in its turn.
TEST(EventsOutOfMemory, EveryReadOfBigDataFailsOnce) {
  struct Calls {
    int64_t made = 0;
    int64_t fail_at = 0;
    bool Fail() { return ++made == fail_at; }
  };
  for (const int prefetch : {0, 2}) {
    const auto read = [&](int64_t fail_at) {
      const auto calls = std::make_shared<Calls>();
      BigDataReaderOptions options = BigOptions(nullptr, prefetch);
      options.open_file =
          [calls](const std::string& path) -> Result<std::shared_ptr<io::RandomAccessFile>> {
        if (calls->Fail()) return absl::UnavailableError("the disk is away");
        return std::make_shared<io::internal::ScriptedFile>(
            [calls, &bytes = TheRun().files().at(path)](int64_t position, int64_t nbytes,
                                                        void* out) -> Result<int64_t> {
              if (calls->Fail()) return absl::UnavailableError("the disk is away");
              const auto size = static_cast<int64_t>(bytes.size());
              const int64_t count = std::clamp<int64_t>(size - position, 0, nbytes);
              std::memcpy(out, bytes.data() + position, static_cast<size_t>(count));
              return count;
            });
      };
      BigReading reading{
          BigDataReader::Open(TheRun().paths(), TheRun().Builder(nullptr), options).value(),
          {},
          {}};
      calls->made = 0;
      calls->fail_at = fail_at;
      Status status = ReadEvents(reading);
      if (!status.ok()) {
        EXPECT_EQ(status.code(), StatusCode::kUnavailable);
        status = ReadEvents(reading);
      }
      EXPECT_TRUE(status.ok()) << status;
      return std::pair(reading.digest.text(), calls->made);
    };
    const auto [expected, made] = read(0);
    for (int64_t n = 1; n <= made; ++n) EXPECT_EQ(read(n).first, expected) << "call " << n;
    EXPECT_GE(made, 20);
  }
}

// An event that finds no memory keeps all of its old value.
TEST(EventsOutOfMemory, CopyingAnEventOfBigData) {
  const auto reader =
      BigDataReader::Open(TheRun().paths(), TheRun().Builder(nullptr), BigOptions(nullptr, 0))
          .value();
  BigDataEvent first;
  BigDataEvent second;
  ASSERT_TRUE(*reader->Next(&first));
  ASSERT_TRUE(*reader->Next(&second));
  const auto text = [](const BigDataEvent& event) {
    Digest digest;
    digest.Add(event.index());
    digest.Add(static_cast<int64_t>(event.timestamp().value()));
    for (int i = 0; i < event.stream_count(); ++i) digest.Add(event.dgram(i).size());
    return digest.text();
  };
  FailureSuite::Try(
      "BigDataEvent, assigned", OutOfMemory::kThrows, [&](MemoryPool*) { return first; },
      [&](BigDataEvent& event) { event = second; }, text);
  BigDataEvent event = first;
  failing::WithoutNew([&] { EXPECT_THROW(event = second, std::bad_alloc); });
  EXPECT_EQ(text(event), text(first));
}

}  // namespace
}  // namespace alkaid::events
