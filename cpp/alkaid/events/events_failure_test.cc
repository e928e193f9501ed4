// Memory runs out at every point of every function of this room, and reads of files fail: afterwards the
// function has answered as its header says, and what is asked again is answered as if nothing had failed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/big_data_event.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/dgram_batch_builder.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/packet_footer.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_window.h"
#include "alkaid/events/smd_writer.h"
#include "fixtures/counted_file.h"
#include "fixtures/crafted_dgrams.h"
#include "fixtures/crafted_streams.h"
#include "fixtures/digest.h"
#include "fixtures/event_corruptions.h"
#include "fixtures/failure_suite.h"
#include "fixtures/scripted_file.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using failing::FailureSuite;
using failing::OutOfMemory;

using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

int Nothing(MemoryPool* /*pool*/) { return 0; }
std::string TextOf(int& /*state*/, const Digest& digest) { return digest.text(); }

Digest Said(const Status& status) {
  Digest digest;
  digest.Add(status);
  return digest;
}
Digest Said(std::string_view text) {
  Digest digest;
  digest.Add(text);
  return digest;
}

template <typename Call>
void TryThrowing(const char* name, const Call& call) {
  FailureSuite::Try(
      name, OutOfMemory::kThrows, Nothing, [&](int&) { return call(); }, TextOf);
}
// One that answers a status, and whose answer, be it OK or a refusal, needs no object.
template <typename Call>
void TryStatus(const char* name, const Call& call) {
  FailureSuite::Try(
      name, OutOfMemory::kStatus, Nothing, [&](int&) -> Status { return call(); },
      [](int&) { return std::string(); });
}

void Add(const dgram::Dgram& dgram, Digest* digest) {
  digest->Add(dgram.data(), dgram.size());
  digest->Add(dgram.offset());
  digest->Add(dgram.source());
  digest->Add(dgram.configuration() != nullptr);
}
void Add(const EventBatch& batch, Digest* digest) {
  digest->Add(batch.size());
  digest->Add(batch.nbytes());
  for (const Event& event : batch) {
    digest->Add(event.data(), event.nbytes());
    event.ForEachDgram([&](int stream, const dgram::Dgram& dgram) {
      digest->Add(stream);
      Add(dgram, digest);
    });
  }
}
void Add(const SmdWindow& window, Digest* digest) {
  digest->Add(static_cast<int64_t>(window.limit.value()));
  for (const auto& batches : window.streams) {
    digest->Add("stream");
    for (const dgram::DgramBatch& batch : batches) {
      for (const dgram::Dgram& dgram : batch) Add(dgram, digest);
    }
  }
  for (const SmdWindow::EndOfBatch& end : window.ends) {
    digest->Add(end.stream);
    digest->Add(static_cast<int64_t>(end.timestamp.value()));
  }
}

// ---- A run

constexpr uint32_t kChunkSrc = 0x1fe;

// Declares records of small data, and announcements of chunks.
std::string Configure(uint64_t timestamp) {
  std::string bytes = crafted::SmdConfigure(timestamp);
  const std::string more = dgram::crafted::Names(kChunkSrc, "chunkinfo", 0, "chunkinfo",
                                                 {{"chunkid", 2, 0}, {"filename", 10, 1}});
  const std::string payload = bytes.substr(dgram::kDgramHeaderBytes) + more;
  return crafted::Dgram(TransitionId::kConfigure, timestamp, payload);
}
std::string Announcement(uint32_t chunk, const std::string& filename) {
  return dgram::crafted::ShapesData(kChunkSrc,
                                    dgram::crafted::Shape({static_cast<uint32_t>(filename.size())}),
                                    dgram::crafted::Bytes(chunk) + filename);
}

// Two streams with small and big data: events in one or both, steps, a Configure in the middle, and a
// chunk that stream 1 goes on in. Names are long, so that texts need memory.
class Run {
 public:
  Run() {
    Transition(Configure(1), Configure(1));
    for (uint64_t t = 2; t < 40; ++t) {
      if (t == 20) {
        Transition(Configure(t), Configure(t));
      } else if (t % 9 == 5) {
        Transition(Of(TransitionId::kDisable, t), Of(TransitionId::kDisable, t));
      } else if (t == 24) {
        const std::string enable = crafted::Dgram(
            TransitionId::kEnable, t, Announcement(1, "a_stream_with_a_long_name_1-c001"));
        Transition(Of(TransitionId::kEnable, t), enable);
        big_[1] = &files_["a_folder_with_a_long_name/a_stream_with_a_long_name_1-c001"];
      } else if (t % 9 == 6) {
        Transition(Of(TransitionId::kEnable, t), Of(TransitionId::kEnable, t));
      } else {
        if (t % 3 != 1) L1Accept(0, t);
        if (t % 4 != 2) L1Accept(1, t);
      }
    }
    Transition(Of(TransitionId::kEndRun, 50), Of(TransitionId::kEndRun, 50));
  }

  const std::vector<std::string>& small() const { return small_; }
  const std::vector<std::string>& paths() const { return paths_; }
  const std::map<std::string, std::string>& files() const { return files_; }

  // As SmdReader reads them.
  static SmdReaderOptions ReaderOptions(MemoryPool* pool) {
    SmdReaderOptions options;
    options.chunk_bytes = 700;
    options.batch_size = 4;
    options.pool = pool;
    return options;
  }
  Result<std::unique_ptr<SmdReader>> Open(
      const SmdReaderOptions& options,
      const std::shared_ptr<dgram::CountedFile>& first = {}) const {
    std::vector<std::unique_ptr<dgram::BatchReader>> readers;
    for (size_t i = 0; i < small_.size(); ++i) {
      dgram::BatchReaderOptions reading;
      reading.batch_bytes = options.chunk_bytes;
      reading.pool = options.pool;
      reading.name = paths_[i] + ".smd";
      std::shared_ptr<io::RandomAccessFile> file = first;
      if (file == nullptr || i > 0) file = std::make_shared<dgram::CountedFile>(small_[i]);
      ALKAID_ASSIGN_OR_RAISE(auto reader,
                             dgram::BatchReader::Open(std::move(file), std::move(reading)));
      readers.push_back(std::move(reader));
    }
    return SmdReader::Open(std::move(readers), options);
  }
  std::shared_ptr<EventBuilder> Builder(MemoryPool* pool, EventBuilderOptions options = {}) const {
    options.pool = pool;
    options.batch_size = 5;
    return EventBuilder::Make(Open(ReaderOptions(pool)).value(), std::move(options)).value();
  }

 private:
  static std::string Of(TransitionId service, uint64_t timestamp) {
    return crafted::Dgram(service, timestamp);
  }
  void Transition(const std::string& first, const std::string& second) {
    small_[0] += first;
    small_[1] += second;
    *big_[0] += first;
    *big_[1] += second;
  }
  void L1Accept(size_t stream, uint64_t timestamp) {
    const std::string dgram = crafted::L1(timestamp, std::string(20 + timestamp, 'x'));
    small_[stream] += crafted::Smd(timestamp, big_[stream]->size(), dgram.size());
    *big_[stream] += dgram;
  }

  std::vector<std::string> small_ = std::vector<std::string>(2);
  std::vector<std::string> paths_ = {"a_folder_with_a_long_name/a_stream_with_a_long_name_0",
                                     "a_folder_with_a_long_name/a_stream_with_a_long_name_1"};
  std::map<std::string, std::string> files_;
  std::vector<std::string*> big_ = {&files_[paths_[0]], &files_[paths_[1]]};
};

const Run& TheRun() {
  static const auto* const run = new Run;
  return *run;
}

// What is read of a reader or a builder, a call for each window or batch, until it has given all.
template <typename Source>
struct Reading {
  std::shared_ptr<Source> source;
  Digest digest;
};
template <typename Source>
std::string TextOfReading(Reading<Source>& reading) {
  return reading.digest.text();
}

template <typename Source>
Status ReadWindows(Reading<Source>& reading) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const SmdWindow window, reading.source->Next());
    if (window.empty()) return absl::OkStatus();
    Add(window, &reading.digest);
  }
}
Status ReadBatches(Reading<EventBuilder>& reading) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const EventBatches built, reading.source->Next());
    if (built.done()) return absl::OkStatus();
    reading.digest.Add(built.event_count);
    for (const EventBatches::Destination& destination : built.destinations) {
      reading.digest.Add(destination.destination);
      Add(destination.batch, &reading.digest);
    }
    Add(built.steps, &reading.digest);
  }
}
// A fault of the data is an answer as good as any.
template <typename Read, typename Of>
Status UpToAFault(const Read& read, Of& reading) {
  const Status status = read(reading);
  if (status.code() != StatusCode::kDataLoss && status.code() != StatusCode::kFailedPrecondition) {
    return status;
  }
  reading.digest.Add(status);
  return absl::OkStatus();
}

// ---- Values

TEST(EventsOutOfMemory, Footers) {
  for (const dgram::Corruption& corruption : FooterCorruptions()) {
    TryThrowing("PacketFooter::Parse", [&] {
      const auto footer = PacketFooter::Parse(
          reinterpret_cast<const uint8_t*>(corruption.bytes.data()),
          static_cast<int64_t>(corruption.bytes.size()), "a source with a long name", 0);
      return Said(footer.status());
    });
  }
}

dgram::Dgram LastDgram(const std::string& bytes) {
  dgram::Dgram last;
  const auto reader = dgram::BatchReader::Open(Buffer::FromString(bytes)).value();
  for (auto batch = reader->Next(); batch.ok() && !batch->empty(); batch = reader->Next()) {
    for (const dgram::Dgram& dgram : *batch) last = dgram;
  }
  return last;
}

TEST(EventsOutOfMemory, Records) {
  TryThrowing("SmdInfo::Declaration",
              [] { return Said(SmdInfo::Declaration(dgram::NamesId(512, 0))->detector()); });
  TryThrowing("SmdInfo::Declaration, of an id",
              [] { return Said(SmdInfo::Declaration(dgram::NamesId(0xffffffff)).status()); });
  const auto configuration = crafted::SmdConfiguration();
  const auto none = dgram::Configuration::FromNames({}).value();
  TryThrowing("SmdInfo::Find", [&] { return Said(SmdInfo::Find(configuration).status()); });
  TryThrowing("SmdInfo::Find, none", [&] { return Said(SmdInfo::Find(none).status()); });
  TryThrowing("SmdInfo::Find, null", [] { return Said(SmdInfo::Find(nullptr).status()); });
  for (const dgram::Corruption& corruption : SmdRecordCorruptions()) {
    const dgram::Dgram last = LastDgram(corruption.bytes);
    const SmdInfo info = SmdInfo::Find(last.configuration()).value();
    TryThrowing("SmdInfo::Read", [&] {
      const Result<SmdRecord> record = info.Read(last);
      return record.ok() ? Said(std::string_view("a record")) : Said(record.status());
    });
  }
}

TEST(EventsOutOfMemory, Chunks) {
  for (const dgram::Corruption& corruption : ChunkInfoCorruptions()) {
    const dgram::Dgram last = LastDgram(corruption.bytes);
    TryThrowing("ChunkInfo::Read", [&] {
      const Result<ChunkInfo> chunk = ChunkInfo::Read(last);
      return chunk.ok() ? Said(chunk->filename) : Said(chunk.status());
    });
  }
  const ChunkInfo chunk{1, "a_file_with_a_long_name"};
  TryThrowing("ChunkInfo::PathBeside",
              [&] { return Said(chunk.PathBeside("a_folder_with_a_long_name/file")); });
  const int64_t points = failing::failure_totals.points;
  TryThrowing("ChunkInfo::ChunkIdOf", [] {
    Digest digest;
    digest.Add(ChunkInfo::ChunkIdOf("a_folder_with_a_long_name/a_file_with_a_long_name-c005"));
    return digest;
  });
  EXPECT_EQ(failing::failure_totals.points, points);
}

// ---- Batches

dgram::Dgram View(const std::string& bytes,
                  std::shared_ptr<const dgram::Configuration> under = {}) {
  return dgram::Dgram::Make(Buffer::FromString(bytes), 0, std::move(under),
                            "a source with a long name")
      .value();
}

struct Building {
  MemoryPool* pool;
  std::unique_ptr<DgramBatchBuilder> builder;
};
Building BuilderOf(MemoryPool* pool, const std::vector<dgram::Dgram>& dgrams) {
  Building building{pool, std::make_unique<DgramBatchBuilder>(2, pool)};
  for (const dgram::Dgram& dgram : dgrams) {
    EXPECT_TRUE(building.builder->Append(0, dgram).ok());
    EXPECT_TRUE(building.builder->EndEvent().ok());
  }
  return building;
}
std::string TextOfBuilding(Building& building) {
  Digest digest;
  digest.Add(building.builder->size());
  digest.Add(building.builder->length());
  const Result<EventBatch> batch = building.builder->Finish();
  digest.Add(batch.status());
  if (!batch.ok()) return digest.text();
  Add(*batch, &digest);
  if (!batch->empty()) {
    EXPECT_TRUE(EventBatch::Make(batch->buffer(), {nullptr, nullptr}).ok());
  }
  return digest.text();
}

TEST(EventsOutOfMemory, BuildingABatch) {
  const auto first = crafted::SmdConfiguration();
  const auto second = crafted::SmdConfiguration();
  const std::vector<dgram::Dgram> some = {View(crafted::L1(1, "some data"), first),
                                          View(crafted::L1(2, "more data"), second)};
  const dgram::Dgram next = View(crafted::L1(3, std::string(500, 'y')), first);
  const dgram::Dgram later = View(crafted::L1(4), first);
  const auto make = [&](MemoryPool* pool) { return BuilderOf(pool, some); };

  FailureSuite::Try(
      "DgramBatchBuilder", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
      [](MemoryPool*& pool) { return std::make_unique<DgramBatchBuilder>(7, pool); },
      [](MemoryPool*&, const std::unique_ptr<DgramBatchBuilder>& made) {
        return std::to_string(made->stream_count());
      });
  // EndEvent drops the event that is open, so it is opened again.
  FailureSuite::Try(
      "DgramBatchBuilder::Append, EndEvent", OutOfMemory::kStatus, make,
      [&](Building& building) -> Status {
        ALKAID_RETURN_NOT_OK(building.builder->Append(0, next));
        ALKAID_RETURN_NOT_OK(building.builder->Append(1, next));
        return building.builder->EndEvent();
      },
      TextOfBuilding);
  FailureSuite::Try(
      "DgramBatchBuilder::EndEvent, of a datagram that opens the batch", OutOfMemory::kStatus,
      [](MemoryPool* pool) { return BuilderOf(pool, {}); },
      [&](Building& building) -> Status {
        // Copy throws where operator new has no memory.
        const auto copy = [&]() -> Result<dgram::Dgram> {
          try {
            return next.Copy(building.pool);
          } catch (const std::bad_alloc&) {
            return Status(StatusCode::kResourceExhausted, "");
          }
        };
        ALKAID_ASSIGN_OR_RAISE(dgram::Dgram owned, copy());
        ALKAID_RETURN_NOT_OK(building.builder->Append(0, std::move(owned)));
        return building.builder->EndEvent();
      },
      TextOfBuilding);
  const auto refused = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        name, OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          Building building = make(pool);
          EXPECT_TRUE(building.builder->Append(0, next).ok());
          return building;
        },
        [&](Building& building) { return call(*building.builder); }, TextOfBuilding);
  };
  refused("DgramBatchBuilder::Append, twice", [&](auto& b) { return b.Append(0, next); });
  refused("DgramBatchBuilder::Append, a stream", [&](auto& b) { return b.Append(9, next); });
  refused("DgramBatchBuilder::Append, a time", [&](auto& b) { return b.Append(1, later); });
  refused("DgramBatchBuilder::Append, none", [&](auto& b) { return b.Append(1, dgram::Dgram()); });
  refused("DgramBatchBuilder::Finish, while open", [&](auto& b) { return b.Finish().status(); });
  FailureSuite::Try(
      "DgramBatchBuilder::EndEvent, of nothing", OutOfMemory::kStatus, make,
      [](Building& building) { return building.builder->EndEvent(); }, TextOfBuilding);

  FailureSuite::Try(
      "DgramBatchBuilder::SetConfiguration", OutOfMemory::kThrows, make,
      [&](Building& building) {
        building.builder->SetConfiguration(1, first, "another source with a long name");
      },
      TextOfBuilding);
  const std::vector<DgramBatchBuilder::DgramBytes> parts = {{next.data(), next.size()}, {}};
  FailureSuite::Try(
      "DgramBatchBuilder::AppendEvent", OutOfMemory::kStatus, make,
      [&](Building& building) { return building.builder->AppendEvent(parts); }, TextOfBuilding);
  FailureSuite::Try(
      "DgramBatchBuilder::Reserve", OutOfMemory::kStatus, make,
      [&](Building& building) { return building.builder->Reserve(10'000); }, TextOfBuilding);
  const Building other = BuilderOf(nullptr, some);
  FailureSuite::Try(
      "DgramBatchBuilder::AppendEvents", OutOfMemory::kStatus, make,
      [&](Building& building) { return building.builder->AppendEvents(*other.builder); },
      TextOfBuilding);
}

// A Finish that failed, made again, gives the batch; and the builder goes on as one that was never
// disturbed.
TEST(EventsOutOfMemory, FinishingABatch) {
  const auto first = crafted::SmdConfiguration();
  const auto second = crafted::SmdConfiguration();
  std::vector<dgram::Dgram> some;
  for (uint64_t t = 1; t < 40; ++t) {
    some.push_back(View(crafted::L1(t, "some data"), t % 10 < 5 ? first : second));
  }
  for (const int64_t reserved : {0, 1 << 20}) {
    FailureSuite::Try(
        "DgramBatchBuilder::Finish", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          Building building = BuilderOf(pool, some);
          // So much unused capacity is given back.
          EXPECT_TRUE(building.builder->Reserve(reserved).ok());
          return building;
        },
        [](Building& building) { return building.builder->Finish(); },
        [&](Building& building, const EventBatch& batch) {
          Digest digest;
          Add(batch, &digest);
          EXPECT_TRUE(EventBatch::Make(batch.buffer(), {nullptr, nullptr}).ok());
          EXPECT_EQ(building.builder->size(), 0);
          EXPECT_TRUE(building.builder->Append(0, some.front()).ok());
          EXPECT_TRUE(building.builder->EndEvent().ok());
          return digest.text() + TextOfBuilding(building);
        });
  }
  FailureSuite::Try(
      "DgramBatchBuilder::Finish, of nothing", OutOfMemory::kStatus,
      [](MemoryPool* pool) { return BuilderOf(pool, {}); },
      [](Building& building) { return building.builder->Finish(); },
      [](Building&, const EventBatch& batch) { return std::to_string(batch.size()); });
}

std::shared_ptr<Buffer> BatchBytes() {
  DgramBatchBuilder builder(2);
  for (uint64_t t = 1; t < 9; ++t) {
    EXPECT_TRUE(builder.Append(0, View(t == 4 ? Configure(t) : crafted::L1(t, "data"))).ok());
    const bool ok = t != 4 || builder.Append(1, View(Configure(t))).ok();
    EXPECT_TRUE(ok);
    EXPECT_TRUE(builder.EndEvent().ok());
  }
  return builder.Finish()->buffer();
}

TEST(EventsOutOfMemory, ReadingABatch) {
  const std::shared_ptr<Buffer> bytes = BatchBytes();
  const Configurations one = {nullptr};
  const Configurations two = {nullptr, nullptr};
  const std::string name = "a source with a long name";
  const auto made = [](MemoryPool*&, const EventBatch& batch) {
    Digest digest;
    Add(batch, &digest);
    return digest.text();
  };
  const auto take_pool = [](MemoryPool* pool) { return pool; };
  FailureSuite::Try(
      "EventBatch::Make", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return EventBatch::Make(bytes, two, name, pool); }, made);
  TryStatus("EventBatch::Make, null", [&] { return EventBatch::Make(nullptr, two).status(); });
  TryStatus("EventBatch::Make, of one stream",
            [&] { return EventBatch::Make(bytes, one).status(); });
  for (int64_t cut : {1, 4, 30, 60}) {
    const std::shared_ptr<Buffer> part = SliceBuffer(bytes, 0, bytes->size() - cut);
    TryStatus("EventBatch::Make, cut short", [&] { return EventBatch::Make(part, two).status(); });
  }
  const EventBatch batch = EventBatch::Make(bytes, two).value();
  const int64_t points = failing::failure_totals.points;
  TryThrowing("Event, copied; EventBatch, iterated", [&] {
    Digest digest;
    for (const Event& event : batch) {
      const Event copy = event;
      digest.Add(copy.data(), copy.nbytes());
      digest.Add(copy.dgram(0).size());
    }
    return digest;
  });
  EXPECT_EQ(failing::failure_totals.points, points) << "looking at events takes memory";
}

TEST(EventsOutOfMemory, NoBatchAtAll) {
  FailureSuite::TryInChildren("EventBatches::batch, where there is none", OutOfMemory::kThrows,
                              [] { return EventBatches().batch().size(); });
}

// ---- Windows

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
  const std::vector<std::shared_ptr<Buffer>> steps = {Buffer::FromString(crafted::L1(1)), nullptr};
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
  TryStatus("Pack, steps of another", [&] { return Pack(window, steps_of_one).status(); });

  const std::shared_ptr<Buffer> message = Pack(window).value();
  const auto see_window = [](int&, const SmdWindow& unpacked) {
    Digest digest;
    Add(unpacked, &digest);
    return digest.text();
  };
  FailureSuite::Try(
      "Unpack", OutOfMemory::kStatus, Nothing,
      [&](int&) { return Unpack(message, all.configurations, name); }, see_window);
  TryStatus("Unpack, null", [&] { return Unpack(nullptr, all.configurations).status(); });
  TryStatus("Unpack, of one stream", [&] { return Unpack(message, one).status(); });
  for (const int64_t cut : {1, 4, 30}) {
    const std::shared_ptr<Buffer> part = SliceBuffer(message, 0, message->size() - cut);
    TryStatus("Unpack, cut short", [&] { return Unpack(part, all.configurations).status(); });
  }

  const std::vector<std::shared_ptr<Buffer>> blocks = {
      Buffer::FromString(crafted::L1(1) + crafted::L1(2)), Buffer::FromString(Configure(3))};
  const auto see_source = [](int&, const std::shared_ptr<SmdWindowSource>& source) {
    Digest digest;
    Add(source->Next().value(), &digest);
    return digest.text();
  };
  FailureSuite::Try(
      "OneWindow, of blocks", OutOfMemory::kStatus, Nothing,
      [&](int&) { return OneWindow(blocks, all.configurations); }, see_source);
  TryStatus("OneWindow, of one block too few", [&] { return OneWindow(blocks, one).status(); });
  TryStatus("OneWindow, of null",
            [&] { return OneWindow(null_blocks, all.configurations).status(); });
  FailureSuite::Try(
      "OneWindow", OutOfMemory::kThrows, Nothing, [&](int&) { return OneWindow(window.streams); },
      see_source);
  FailureSuite::Try(
      "OneWindow, read", OutOfMemory::kStatus,
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
  for (const SmdWindow& window : all.windows) {
    FailureSuite::Try(
        "StepHistory::Add", OutOfMemory::kStatus, make,
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
  // What was opened already goes with a failure: it is opened again.
  FailureSuite::Try(
      "SmdReader::Open, of open streams", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) -> Result<std::unique_ptr<SmdReader>> {
        try {
          return TheRun().Open(Run::ReaderOptions(pool));
        } catch (const std::bad_alloc&) {
          // Of the files made here.
          return Status(StatusCode::kResourceExhausted, "");
        }
      },
      see);
  const auto reader =
      std::shared_ptr<SmdReader>(TheRun().Open(Run::ReaderOptions(nullptr)).value());
  TryThrowing("SmdReader::configurations", [&] {
    Digest digest;
    digest.Add(static_cast<int64_t>(reader->configurations().size()));
    return digest;
  });
  for (const std::string& path : paths) std::filesystem::remove(path);
}

// Windows of every kind.
std::vector<SmdReaderOptions> KindsOfWindows() {
  std::vector<SmdReaderOptions> kinds(5, Run::ReaderOptions(nullptr));
  kinds[1].fake_steps = true;
  kinds[2].integrating_stream = 0;
  kinds[2].integrating_delta = 3;
  kinds[2].batch_size = 2;
  // A stream is full before its window is.
  kinds[3].max_pending_bytes = 5000;
  kinds[3].batch_size = 1000;
  kinds[4].chunk_bytes = 1 << 20;
  return kinds;
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

// Streams that are at fault: the fault comes after all that is before it, and is told as ever.
TEST(EventsOutOfMemory, ReadingSmallDataThatIsAtFault) {
  const std::string sound = crafted::SmdConfigure(1) + crafted::L1(2) + crafted::L1(5);
  for (const std::string& odd :
       {sound + crafted::L1(4), sound + "tail", sound + crafted::L1(6).substr(0, 20)}) {
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

// ---- The writer of small data

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

TEST(EventsOutOfMemory, WritingSmallData) {
  const auto write = [](MemoryPool* pool) {
    return Writing{std::make_unique<SmdWriter>(SmdWriterOptions{.pool = pool})};
  };
  const dgram::Dgram configure = View(dgram::crafted::Configure());
  const auto under = configure.configuration();
  const auto configured = [&](MemoryPool* pool) {
    Writing writing = write(pool);
    EXPECT_TRUE(writing.writer->Append(configure).ok());
    return writing;
  };
  const auto append = [&](const char* name, const auto& make, const dgram::Dgram& dgram) {
    FailureSuite::Try(
        name, OutOfMemory::kStatus, make,
        [&](Writing& writing) { return writing.writer->Append(dgram); }, TextOfWriting);
  };
  append("SmdWriter::Append, a Configure", write, configure);
  append("SmdWriter::Append, another", configured, configure);
  append("SmdWriter::Append, before any", write, View(dgram::crafted::Event(1), under));
  append("SmdWriter::Append, a Configure of records", write, View(crafted::SmdConfigure()));
  append("SmdWriter::Append, a corrupted Configure", write,
         View(dgram::crafted::Dgram(TransitionId::kConfigure, "", 0, 8)));
  append("SmdWriter::Append, a NamesId that is taken", write,
         View(dgram::crafted::Dgram(
             TransitionId::kConfigure,
             dgram::crafted::Names(crafted::kSmdSrc, "det", 0, "raw", {{"count", 1, 0}}))));
  append("SmdWriter::Append, an L1Accept", configured, View(dgram::crafted::Event(1), under));
  append("SmdWriter::Append, an EndRun", configured,
         View(dgram::crafted::Dgram(TransitionId::kEndRun, ""), under));
  append(
      "SmdWriter::Append, an Enable", configured,
      View(dgram::crafted::Dgram(TransitionId::kEnable, dgram::crafted::EventPayload(1)), under));
  append("SmdWriter::Append, a malformed Enable", configured,
         View(dgram::crafted::Dgram(TransitionId::kEnable, "tail"), under));
  FailureSuite::Try(
      "SmdWriter::Finish", OutOfMemory::kStatus, configured,
      [](Writing& writing) { return writing.writer->Finish(); },
      [](Writing& writing, const std::shared_ptr<Buffer>& made) {
        Digest digest;
        digest.Add(made->data(), made->size());
        return digest.text() + TextOfWriting(writing);
      });
  const auto out = std::make_shared<io::FixedSizeBufferWriter>(
      std::shared_ptr<Buffer>(AllocateBuffer(5).value()));
  FailureSuite::Try(
      "SmdWriter::Drain, to what is too small", OutOfMemory::kThrows, configured,
      [&](Writing& writing) { return Said(writing.writer->Drain(out.get())); },
      [](Writing& writing, const Digest& said) { return said.text() + TextOfWriting(writing); });
}

// ---- The event builder

TEST(EventsOutOfMemory, MakingABuilder) {
  const auto make = [](MemoryPool*) {
    return std::shared_ptr<SmdWindowSource>(crafted::Source({crafted::L1(1), crafted::L1(1)}));
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
            // The test's own copy.
            return Status(StatusCode::kResourceExhausted, "");
          }
          return EventBuilder::Make(source, std::move(own));
        },
        see);
  };
  make_with({});
  EventBuilderOptions large;
  large.batch_size = EventBuilderOptions::kMostEvents + 1;
  make_with(large);
  EventBuilderOptions filtered;
  filtered.filter_timestamps = {Timestamp(5), Timestamp(2)};
  make_with(filtered);
  TryStatus("EventBuilder::Make, null", [] { return EventBuilder::Make(nullptr).status(); });
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
  // Exposures whose end is marked.
  FailureSuite::Try(
      "EventBuilder::Next, of an integrating detector", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        SmdReaderOptions options = KindsOfWindows()[2];
        options.pool = pool;
        EventBuilderOptions building;
        building.pool = pool;
        return Reading<EventBuilder>{
            EventBuilder::Make(TheRun().Open(options).value(), building).value(), {}};
      },
      ReadBatches, TextOfReading<EventBuilder>);
}

// A source of windows that are given.
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
  const auto enable = [](uint64_t t) { return crafted::Dgram(TransitionId::kEnable, t); };
  const std::vector<std::vector<std::string>> odd = {
      {crafted::L1(1) + enable(2) + crafted::L1(3), crafted::L1(1) + crafted::L1(3)},
      {crafted::L1(1) + enable(3), crafted::L1(1) + crafted::L1(3)},
      {crafted::L1(1) + crafted::L1(5) + crafted::L1(3), crafted::L1(1) + crafted::L1(6)},
  };
  for (const std::vector<std::string>& streams : odd) {
    FailureSuite::Try(
        "EventBuilder::Next, at fault", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          EventBuilderOptions options;
          options.pool = pool;
          return Reading<EventBuilder>{
              EventBuilder::Make(crafted::Source(streams), options).value(), {}};
        },
        [](Reading<EventBuilder>& reading) { return UpToAFault(ReadBatches, reading); },
        TextOfReading<EventBuilder>);
  }
  // A window of another number of streams stays refused.
  FailureSuite::Try(
      "EventBuilder::Next, of a window that does not fit", OutOfMemory::kStatus,
      [](MemoryPool* pool) {
        std::vector<SmdWindow> windows;
        windows.push_back(crafted::Source({crafted::L1(1), crafted::L1(1)})->Next().value());
        windows.push_back(crafted::Source({crafted::L1(2)})->Next().value());
        windows.push_back(crafted::Source({crafted::L1(3), crafted::L1(3)})->Next().value());
        EventBuilderOptions options;
        options.pool = pool;
        return Reading<EventBuilder>{
            EventBuilder::Make(std::make_shared<Given>(2, std::move(windows)), options).value(),
            {}};
      },
      [](Reading<EventBuilder>& reading) { return UpToAFault(ReadBatches, reading); },
      TextOfReading<EventBuilder>);
}

// ---- Big data

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
            // The test's own copy.
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
  TryStatus("BigDataReader::Open, null", [] {
    return BigDataReader::Open(TheRun().paths(), std::shared_ptr<EventBuilder>()).status();
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
  // By threads: what of it runs on this thread fails.
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
  // From a source of batches.
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

// Every read, and every opening of a file, fails in its turn.
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

}  // namespace
}  // namespace alkaid::events

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
