// Memory runs out in the writer of small data and in the event builder (events_failure_test.cc).
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/smd_window.h"
#include "alkaid/events/smd_writer.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "fixtures/tried_run.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using tried::KindsOfWindows;
using tried::ReadBatches;
using tried::Reading;
using tried::TextOfReading;
using tried::TheRun;
using tried::UpToAFault;

dgram::Dgram View(const std::string& bytes,
                  std::shared_ptr<const dgram::Configuration> under = {}) {
  return dgram::Dgram::Make(Buffer::FromString(bytes), 0, std::move(under),
                            "a source with a long name")
      .value();
}

struct Writing {
  std::unique_ptr<SmdWriter> writer;
};
std::string TextOfWriting(Writing& writing) {
  Digest digest;
  digest.Add(writing.writer->size());
  digest.Add(writing.writer->length());
  const auto made = writing.writer->Finish();
  digest.Add(made.status());
  if (made.ok()) digest.Add((*made)->data(), (*made)->size());
  return digest.text();
}

// A stream that throws for want of memory.
class NeedyStream final : public io::OutputStream {
 public:
  using OutputStream::Write;
  Status Write(const void* /*data*/, int64_t nbytes) override {
    const auto needed = std::make_unique<std::string>(100, 'x');
    taken_ += nbytes;
    return absl::OkStatus();
  }
  Status Close() override { return absl::OkStatus(); }
  Result<int64_t> Tell() const override { return taken_; }
  bool closed() const override { return false; }

 private:
  int64_t taken_ = 0;
};

TEST(EventsOutOfMemory, WritingSmallData) {
  const auto write = [](MemoryPool* pool) {
    return Writing{std::make_unique<SmdWriter>(SmdWriterOptions{.pool = pool})};
  };
  const dgram::Dgram configure = View(dgram::fixtures::Configure());
  const auto under = configure.configuration();
  const auto configured = [&](MemoryPool* pool) {
    Writing writing = write(pool);
    EXPECT_TRUE(writing.writer->Append(configure).ok());
    return writing;
  };
  const auto append = [&](const char* name, const auto& make, const dgram::Dgram& dgram,
                          OutOfMemory rule = OutOfMemory::kStatus) {
    FailureSuite::Try(
        name, rule, make, [&](Writing& writing) { return writing.writer->Append(dgram); },
        TextOfWriting);
  };
  append("SmdWriter::Append, a Configure", write, configure);
  append("SmdWriter::Append, another", configured, configure);
  append("SmdWriter::Append, before any", write, View(dgram::fixtures::Event(1), under));
  append("SmdWriter::Append, a Configure of records", write, View(fixtures::SmdConfigure()));
  const auto under_another_id = [](MemoryPool* pool) {
    return Writing{std::make_unique<SmdWriter>(
        SmdWriterOptions{.names_id = dgram::NamesId(3, 3), .pool = pool})};
  };
  append("SmdWriter::Append, a Configure of records of another NamesId", under_another_id,
         View(fixtures::SmdConfigure()));
  append("SmdWriter::Append, a corrupted Configure", write,
         View(dgram::fixtures::Dgram(TransitionId::kConfigure, "", 0, 8)));
  append("SmdWriter::Append, a NamesId that is taken", write,
         View(dgram::fixtures::Dgram(
             TransitionId::kConfigure,
             dgram::fixtures::Names(fixtures::kSmdSrc, "det", 0, "raw", {{"count", 1, 0}}))));
  append("SmdWriter::Append, an L1Accept", configured, View(dgram::fixtures::Event(1), under));
  append("SmdWriter::Append, an EndRun", configured,
         View(dgram::fixtures::Dgram(TransitionId::kEndRun, ""), under), OutOfMemory::kNeedsNone);
  append(
      "SmdWriter::Append, an Enable", configured,
      View(dgram::fixtures::Dgram(TransitionId::kEnable, dgram::fixtures::EventPayload(1)), under));
  append("SmdWriter::Append, a malformed Enable", configured,
         View(dgram::fixtures::Dgram(TransitionId::kEnable, "tail"), under));
  FailureSuite::Try(
      "SmdWriter::Finish", OutOfMemory::kNeedsNone, configured,
      [](Writing& writing) { return writing.writer->Finish(); },
      [](Writing& writing, const std::shared_ptr<Buffer>& made) {
        Digest digest;
        digest.Add(made->data(), made->size());
        return digest.text() + TextOfWriting(writing);
      });
  const auto out = std::make_shared<io::FixedSizeBufferWriter>(
      std::shared_ptr<Buffer>(AllocateBuffer(5).value()));
  FailureSuite::Try(
      "SmdWriter::Drain, to what is too small", OutOfMemory::kStatus, configured,
      [&](Writing& writing) { return Answer(writing.writer->Drain(out.get())); },
      [](Writing& writing, const Digest& said) { return said.text() + TextOfWriting(writing); });
  NeedyStream needy;
  FailureSuite::Try(
      "SmdWriter::Drain, to what throws", OutOfMemory::kStatus, configured,
      [&](Writing& writing) { return writing.writer->Drain(&needy); }, TextOfWriting);
}

// ---- The event builder

TEST(EventsOutOfMemory, MakingABuilder) {
  const auto make = [](MemoryPool*) {
    return std::shared_ptr<SmdWindowSource>(fixtures::Source({fixtures::L1(1), fixtures::L1(1)}));
  };
  const auto see = [](std::shared_ptr<SmdWindowSource>&,
                      const std::unique_ptr<EventBuilder>& made) {
    return std::to_string(made->stream_count());
  };
  const auto make_with = [&](const EventBuilderOptions& options) {
    FailureSuite::Try(
        "EventBuilder::Make", OutOfMemory::kStatus, make,
        [&](std::shared_ptr<SmdWindowSource>& source) -> Result<std::unique_ptr<EventBuilder>> {
          EventBuilderOptions own;
          try {
            own = options;
          } catch (const std::bad_alloc&) {
            // The copy is the test's own.
            return Status(StatusCode::kResourceExhausted, "");
          }
          return EventBuilder::Make(source, std::move(own));
        },
        see);
  };
  make_with({});
  EventBuilderOptions large;
  large.batch_size = EventBuilderOptions::kMaxEvents + 1;
  make_with(large);
  EventBuilderOptions filtered;
  filtered.filter_timestamps = {Timestamp(5), Timestamp(2)};
  make_with(filtered);
  failing::TryStatus("EventBuilder::Make, null",
                     [] { return Answer(EventBuilder::Make(nullptr).status()); });
}

TEST(EventsOutOfMemory, BuildingEvents) {
  EventBuilderOptions plain;
  EventBuilderOptions filtered;
  filtered.filter_timestamps.emplace();
  for (uint64_t t = 3; t < 40; t += 2) filtered.filter_timestamps->push_back(Timestamp(t));
  EventBuilderOptions destined;
  destined.destination = [](const Timestamp& timestamp) {
    return static_cast<int>(timestamp.value() % 3);
  };
  for (const EventBuilderOptions& options : {plain, filtered, destined}) {
    FailureSuite::Try(
        "EventBuilder::Next", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          return Reading<EventBuilder>{TheRun().Builder(pool, options), {}};
        },
        ReadBatches, TextOfReading<EventBuilder>);
  }
  // Exposures whose end is marked; the mark moves to what a filter keeps, also into earlier
  // windows.
  EventBuilderOptions few;
  few.filter_timestamps = {Timestamp(3), Timestamp(9), Timestamp(18)};
  for (const auto& [kind, options] : {std::pair(2, plain), {5, plain}, {2, few}, {5, few}}) {
    FailureSuite::Try(
        "EventBuilder::Next, of an integrating detector", OutOfMemory::kStatus,
        [kind, &options](MemoryPool* pool) {
          SmdReaderOptions reading = KindsOfWindows()[static_cast<size_t>(kind)];
          reading.pool = pool;
          EventBuilderOptions building = options;
          building.pool = pool;
          return Reading<EventBuilder>{
              EventBuilder::Make(TheRun().Open(reading).value(), building).value(), {}};
        },
        ReadBatches, TextOfReading<EventBuilder>);
  }
}

// A source of given windows.
class Given final : public SmdWindowSource {
 public:
  Given(int streams, std::vector<SmdWindow> windows)
      : streams_(streams), windows_(std::move(windows)) {}
  int stream_count() const override { return streams_; }
  Result<SmdWindow> Next() override {
    return next_ == windows_.size() ? SmdWindow() : std::move(windows_[next_++]);
  }

 private:
  const int streams_;
  std::vector<SmdWindow> windows_;
  size_t next_ = 0;
};

TEST(EventsOutOfMemory, BuildingEventsOfWhatIsAtFault) {
  const auto enable = [](uint64_t t) { return fixtures::Dgram(TransitionId::kEnable, t); };
  const std::vector<std::vector<std::string>> odd = {
      {fixtures::L1(1) + enable(2) + fixtures::L1(3), fixtures::L1(1) + fixtures::L1(3)},
      {fixtures::L1(1) + enable(3), fixtures::L1(1) + fixtures::L1(3)},
      {fixtures::L1(1) + fixtures::L1(5) + fixtures::L1(3), fixtures::L1(1) + fixtures::L1(6)},
  };
  for (const std::vector<std::string>& streams : odd) {
    FailureSuite::Try(
        "EventBuilder::Next, at fault", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          EventBuilderOptions options;
          options.pool = pool;
          return Reading<EventBuilder>{
              EventBuilder::Make(fixtures::Source(streams), options).value(), {}};
        },
        [](Reading<EventBuilder>& reading) { return UpToAFault(ReadBatches, reading); },
        TextOfReading<EventBuilder>);
  }
  // A window of another number of streams stays refused.
  FailureSuite::Try(
      "EventBuilder::Next, of a window that does not fit", OutOfMemory::kStatus,
      [](MemoryPool* pool) {
        std::vector<SmdWindow> windows;
        windows.push_back(fixtures::Source({fixtures::L1(1), fixtures::L1(1)})->Next().value());
        windows.push_back(fixtures::Source({fixtures::L1(2)})->Next().value());
        windows.push_back(fixtures::Source({fixtures::L1(3), fixtures::L1(3)})->Next().value());
        EventBuilderOptions options;
        options.pool = pool;
        return Reading<EventBuilder>{
            EventBuilder::Make(std::make_shared<Given>(2, std::move(windows)), options).value(),
            {}};
      },
      [](Reading<EventBuilder>& reading) { return UpToAFault(ReadBatches, reading); },
      TextOfReading<EventBuilder>);
}

}  // namespace
}  // namespace alkaid::events
