// Memory runs out at every point of every function of this room, and reads of files fail. The
// function must have answered as its header says, and a repeated call must answer as if nothing had
// failed.
//
// This file: values and batches. The other parts are events_failure_*_test.cc.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/dgram_batch_builder.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/packet_footer.h"
#include "alkaid/events/smd_record.h"
#include "fixtures/event_corruptions.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/made_streams.h"
#include "fixtures/tried_run.h"

namespace alkaid::events {
namespace {

using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using tried::Add;
using tried::Configure;

using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

// A fault or a refusal needs memory for its text.
template <typename T>
OutOfMemory RuleOf(const Result<T>& undisturbed) {
  return undisturbed.ok() ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus;
}

TEST(EventsOutOfMemory, Footers) {
  const std::string source = "a source with a long name";
  for (const dgram::Corruption& corruption : FooterCorruptions()) {
    SCOPED_TRACE(corruption.name);
    const auto parse = [&] {
      return PacketFooter::Parse(reinterpret_cast<const uint8_t*>(corruption.bytes.data()),
                                 static_cast<int64_t>(corruption.bytes.size()), source, 0);
    };
    FailureSuite::Try(
        "PacketFooter::Parse", RuleOf(parse()), failing::NoObjects,
        [&](int&) { return Answer(parse().status()); }, failing::TextOfAnswer);
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
  failing::TryStatus("SmdInfo::Declaration", [] {
    return Answer(SmdInfo::Declaration(dgram::NamesId(512, 0)),
                  [](const dgram::Names& names, Digest* digest) { digest->Add(names.detector()); });
  });
  failing::TryStatus("SmdInfo::Declaration, of an id", [] {
    return Answer(SmdInfo::Declaration(dgram::NamesId(0xffffffff)).status());
  });
  const auto configuration = fixtures::SmdConfiguration();
  const auto none = dgram::Configuration::FromNames({}).value();
  failing::TryStatus("SmdInfo::Find",
                     [&] { return Answer(SmdInfo::Find(configuration).status()); });
  failing::TryStatus("SmdInfo::Find, none", [&] { return Answer(SmdInfo::Find(none).status()); });
  failing::TryStatus("SmdInfo::Find, null", [] { return Answer(SmdInfo::Find(nullptr).status()); });
  for (const dgram::Corruption& corruption : SmdRecordCorruptions()) {
    const dgram::Dgram last = LastDgram(corruption.bytes);
    const SmdInfo info = SmdInfo::Find(last.configuration()).value();
    SCOPED_TRACE(corruption.name);
    FailureSuite::Try(
        "SmdInfo::Read", RuleOf(info.Read(last)), failing::NoObjects,
        [&](int&) {
          return Answer(info.Read(last), [](const SmdRecord& record, Digest* digest) {
            digest->Add(record.offset);
            digest->Add(record.size);
          });
        },
        failing::TextOfAnswer);
  }
}

TEST(EventsOutOfMemory, Chunks) {
  for (const dgram::Corruption& corruption : ChunkInfoCorruptions()) {
    SCOPED_TRACE(corruption.name);
    const dgram::Dgram last = LastDgram(corruption.bytes);
    const Result<ChunkInfo> undisturbed = ChunkInfo::Read(last);
    // A short name is stored inside the std::string.
    const bool is_long = undisturbed.ok() && undisturbed->filename.size() > 15;
    FailureSuite::Try(
        "ChunkInfo::Read", is_long ? OutOfMemory::kStatus : RuleOf(undisturbed), failing::NoObjects,
        [&](int&) {
          return Answer(ChunkInfo::Read(last), [](const ChunkInfo& chunk, Digest* digest) {
            digest->Add(chunk.filename);
          });
        },
        failing::TextOfAnswer);
  }
  const dgram::Dgram last = LastDgram(ChunkInfoCorruptions().front().bytes);
  failing::TryStatus("ChunkInfo::Next, refused", [&] {
    return Answer(ChunkInfo::Next(last, "a_folder/a_file_with_a_long_name", 0x7fffffff).status());
  });
  const ChunkInfo chunk{1, "a_file_with_a_long_name"};
  failing::TryThrowing("ChunkInfo::PathBeside",
                       [&] { return Answer(chunk.PathBeside("a_folder_with_a_long_name/file")); });
  failing::TryNeedsNone("ChunkInfo::ChunkIdOf", [] {
    Digest digest;
    digest.Add(ChunkInfo::ChunkIdOf("a_folder_with_a_long_name/a_file_with_a_long_name-c005"));
    return digest;
  });
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
  const auto first = fixtures::SmdConfiguration();
  const auto second = fixtures::SmdConfiguration();
  const std::vector<dgram::Dgram> some = {View(fixtures::L1(1, "some data"), first),
                                          View(fixtures::L1(2, "more data"), second)};
  const dgram::Dgram next = View(fixtures::L1(3, std::string(500, 'y')), first);
  const dgram::Dgram later = View(fixtures::L1(4), first);
  const auto make = [&](MemoryPool* pool) { return BuilderOf(pool, some); };

  FailureSuite::Try(
      "DgramBatchBuilder", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
      [](MemoryPool*& pool) { return std::make_unique<DgramBatchBuilder>(7, pool); },
      [](MemoryPool*&, const std::unique_ptr<DgramBatchBuilder>& made) {
        return std::to_string(made->stream_count());
      });
  // EndEvent drops the open event, so it is opened again.
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
        ALKAID_ASSIGN_OR_RAISE(dgram::Dgram owned, next.Copy(building.pool));
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

// A repeated Finish must return the batch that the failed one would have returned, and the builder
// must go on as if undisturbed.
TEST(EventsOutOfMemory, FinishingABatch) {
  const auto first = fixtures::SmdConfiguration();
  const auto second = fixtures::SmdConfiguration();
  std::vector<dgram::Dgram> some;
  for (uint64_t t = 1; t < 40; ++t) {
    some.push_back(View(fixtures::L1(t, "some data"), t % 10 < 5 ? first : second));
  }
  for (const int64_t reserved : {0, 1 << 20}) {
    FailureSuite::Try(
        "DgramBatchBuilder::Finish", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          Building building = BuilderOf(pool, some);
          // Capacity that is given back at Finish.
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
      "DgramBatchBuilder::Finish, of nothing", OutOfMemory::kNeedsNone,
      [](MemoryPool* pool) { return BuilderOf(pool, {}); },
      [](Building& building) { return building.builder->Finish(); },
      [](Building&, const EventBatch& batch) { return std::to_string(batch.size()); });
}

std::shared_ptr<Buffer> BatchBytes() {
  DgramBatchBuilder builder(2);
  for (uint64_t t = 1; t < 9; ++t) {
    EXPECT_TRUE(builder.Append(0, View(t == 4 ? Configure(t) : fixtures::L1(t, "data"))).ok());
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
  failing::TryStatus("EventBatch::Make, null",
                     [&] { return Answer(EventBatch::Make(nullptr, two).status()); });
  failing::TryStatus("EventBatch::Make, of one stream",
                     [&] { return Answer(EventBatch::Make(bytes, one).status()); });
  for (int64_t cut : {1, 4, 30, 60}) {
    const std::shared_ptr<Buffer> part = SliceBuffer(bytes, 0, bytes->size() - cut);
    failing::TryStatus("EventBatch::Make, cut short",
                       [&] { return Answer(EventBatch::Make(part, two).status()); });
  }
  const EventBatch batch = EventBatch::Make(bytes, two).value();
  failing::TryNeedsNone("Event, copied; EventBatch, iterated", [&] {
    Digest digest;
    for (const Event& event : batch) {
      const Event copy = event;
      digest.Add(copy.data(), copy.nbytes());
      digest.Add(copy.dgram(0).size());
    }
    return digest;
  });
}

TEST(EventsOutOfMemory, NoBatchAtAll) {
  FailureSuite::TryInChildren("EventBatches::batch, where there is none", OutOfMemory::kThrows,
                              [] { return EventBatches().batch().size(); });
}

}  // namespace
}  // namespace alkaid::events

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
