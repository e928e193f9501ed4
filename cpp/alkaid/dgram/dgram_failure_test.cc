// Memory runs out at every point of every function of this room, and reads of files fail: afterwards the
// function has answered as its header says, and what is asked again is answered as if nothing had failed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/dgram/array_view.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/source_times.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/dgram/watched_view.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/dgram/xtc.h"
#include "alkaid/dgram/xtc_walk.h"
#include "fixtures/counted_file.h"
#include "fixtures/crafted_dgrams.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/digest.h"
#include "fixtures/failure_suite.h"

namespace alkaid::dgram {
namespace {

using failing::FailureSuite;
using failing::OutOfMemory;

// Of functions that have no objects.
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
// What a function answers that has no objects, by the text of the status, or by what `see` sees in the
// value.
template <typename T, typename See>
Digest Said(const Result<T>& result, const See& see) {
  if (!result.ok()) return Said(result.status());
  Digest digest;
  see(*result, &digest);
  return digest;
}

// Functions that throw, by name, each of which answers a Digest.
template <typename Call>
void TryThrowing(const char* name, const Call& call) {
  FailureSuite::Try(
      name, OutOfMemory::kThrows, Nothing, [&](int&) { return call(); }, TextOf);
}

Dgram MakeDgram(const std::string& bytes, std::shared_ptr<const Configuration> configuration = {}) {
  return Dgram::Make(crafted::AsBuffer(bytes), 0, std::move(configuration), "run.xtc2", 3).value();
}
const Dgram& Configure() {
  static const auto* const configure = new Dgram(MakeDgram(crafted::Configure()));
  return *configure;
}
const std::shared_ptr<const Configuration>& Declared() { return Configure().configuration(); }
Dgram Event(uint32_t i) { return MakeDgram(crafted::Event(i), Declared()); }

void Add(const Dgram& dgram, Digest* digest) { digest->Add(dgram.data(), dgram.size()); }
void Add(const Names& names, Digest* digest) {
  digest->Add(names.id().key());
  digest->Add(names.detector());
  digest->Add(names.detector_type());
  digest->Add(names.detector_id());
  digest->Add(names.algorithm().name);
  digest->Add(names.array_count());
  for (const Field& field : names.fields()) digest->Add(field.name);
}

// ---- Headers and declarations

TEST(DgramOutOfMemory, Texts) {
  TryThrowing("Damage::ToString", [] { return Said(Damage(0xffff).ToString()); });
  TryThrowing("NamesId::ToString", [] { return Said(NamesId(5, 7).ToString()); });
  TryThrowing("Algorithm::VersionString", [] {
    return Said(Algorithm{"a", 0xffffff}.VersionString());
  });
  const Names names = Declared()->names().front();
  TryThrowing("Names::ToString", [&] { return Said(names.ToString()); });
  const Finding finding{Finding::Kind::kFault, "a source with a long name", 1, 2, 3, "a text"};
  TryThrowing("Finding::ToString", [&] { return Said(finding.ToString()); });
  TryThrowing("MessageText",
              [&] { return Said(internal::MessageText(absl::DataLossError("a long message"))); });
  TryThrowing("DgramFault", [&] { return Said(internal::DgramFault("source", 1, 2, 3, "what")); });
}

TEST(DgramOutOfMemory, Names) {
  const auto see = [](const Names& names, Digest* digest) { Add(names, digest); };
  const std::string one = crafted::Names(
      5, "a_detector_with_a_long_name", 0, "an_algorithm_with_a_long_name",
      {{"a_field_with_a_long_name", 1, 0}, {"another_field_with_a_long_name", 2, 2}});
  const auto* const bytes = reinterpret_cast<const uint8_t*>(one.data());
  const auto extent = static_cast<int64_t>(one.size());
  TryThrowing("Names::Parse", [&] { return Said(Names::Parse(bytes, extent), see); });
  TryThrowing("Names::Parse, an extent",
              [&] { return Said(Names::Parse(bytes, extent - 1), see); });
  const std::string odd = crafted::Names(5, "det", 0, "raw", {{"field", 77, 0}});
  TryThrowing("Names::Parse, a type", [&] {
    return Said(Names::Parse(reinterpret_cast<const uint8_t*>(odd.data()),
                             static_cast<int64_t>(odd.size())),
                see);
  });
  const auto make = [&](uint32_t number, const char* name, int rank) {
    return Said(Names::Make(NamesId(number), "a_detector_with_a_long_name", "type", "id", 0,
                            {"raw", 1}, {{name, DataType::kUInt16, rank, {}}}),
                see);
  };
  TryThrowing("Names::Make", [&] { return make(5, "a_field_with_a_long_name", 0); });
  TryThrowing("Names::Make, an id", [&] { return make(0xffffffff, "field", 0); });
  TryThrowing("Names::Make, a rank", [&] { return make(5, "field", 9); });
  TryThrowing("Names::Make, a name", [&] { return make(5, std::string(300, 'x').c_str(), 0); });

  const dgram::Names names = Declared()->names().front();
  const int64_t points = failing::failure_totals.points;
  TryThrowing("Names, copied", [&] {
    const dgram::Names copy = names;
    Digest digest;
    Add(copy, &digest);
    digest.Add(copy.FieldIndex("image"));
    digest.Add(copy.fields().front().base_name());
    digest.Add(copy.fields().front().enum_type());
    return digest;
  });
  EXPECT_EQ(failing::failure_totals.points, points) << "copying a Names takes memory";
}

DetectorDefinition Definition(const char* detector = "a_detector_with_a_long_name") {
  DetectorDefinition definition;
  definition.detector = detector;
  definition.algorithm = {"raw", 1};
  definition.fields = {{"a_field_with_a_long_name", DataType::kUInt16, 0, {}},
                       {"array", DataType::kUInt32, 2, {}}};
  return definition;
}

TEST(DgramOutOfMemory, Declarations) {
  const auto see = [](const dgram::Names& names, Digest* digest) { Add(names, digest); };
  const std::vector<dgram::Names>& there = Declared()->names();
  const auto declare = [&](const DetectorDefinition& definition) {
    TryThrowing("MakeDeclaration", [&] { return Said(MakeDeclaration(definition, there), see); });
  };
  declare(Definition());
  declare(Definition("not legal"));
  DetectorDefinition twice = Definition();
  twice.fields.push_back(twice.fields.front());
  declare(twice);
  DetectorDefinition high = Definition();
  high.names_id = 256;
  declare(high);
  DetectorDefinition odd = Definition();
  odd.fields.front().type = DataType::kEnumVal;
  declare(odd);
}

TEST(DgramOutOfMemory, Configurations) {
  const auto see = [](const std::shared_ptr<const Configuration>& made, Digest* digest) {
    for (const dgram::Names& names : made->names()) Add(names, digest);
  };
  TryThrowing("Configuration::FromDgram",
              [&] { return Said(Configuration::FromDgram(Configure()), see); });
  const Dgram event = Event(1);
  TryThrowing("Configuration::FromDgram, no Configure",
              [&] { return Said(Configuration::FromDgram(event), see); });
  const std::vector<dgram::Names> names = Declared()->names();
  TryThrowing("Configuration::FromNames",
              [&] { return Said(Configuration::FromNames(names), see); });
  const std::vector<dgram::Names> two = {names.front(), names.front()};
  TryThrowing("Configuration::FromNames, twice",
              [&] { return Said(Configuration::FromNames(two), see); });
  const dgram::Names more = MakeDeclaration(Definition(), names).value();
  TryThrowing("Configuration::With", [&] { return Said(Declared()->With(more), see); });
  TryThrowing("Configuration::With, twice", [&] { return Said(Declared()->With(names[0]), see); });
  TryThrowing("Configuration::Find, of all", [&] {
    Digest digest;
    for (const dgram::Names* found : Declared()->Find("det", 0, "raw")) Add(*found, &digest);
    return digest;
  });
  const auto find = [&](const char* detector, const char* algorithm, const char* field) {
    return Said(Declared()->Find(detector, 0, algorithm, field),
                [](const FieldHandle& handle, Digest* digest) {
                  for (const auto& place : handle.places()) digest->Add(place.field);
                });
  };
  TryThrowing("Configuration::Find", [&] { return find("det", "raw", "image"); });
  TryThrowing("Configuration::Find, no field", [&] { return find("det", "raw", "other"); });
  TryThrowing("Configuration::Find, no algorithm", [&] { return find("det", "fex", "image"); });
  TryThrowing("Configuration::Find, no detector", [&] { return find("other", "raw", "image"); });
}

// ---- Datagrams and what is in them

TEST(DgramOutOfMemory, Dgrams) {
  const auto see = [](const Dgram& dgram, Digest* digest) { Add(dgram, digest); };
  const auto configure = crafted::AsBuffer(crafted::Configure());
  const auto event = crafted::AsBuffer(crafted::Event(1));
  const auto two = crafted::AsBuffer(crafted::Event(1) + crafted::Event(2));
  const std::string source = "a source with a name of some length";
  TryThrowing("Dgram::Make", [&] { return Said(Dgram::Make(event, 0, Declared(), source), see); });
  TryThrowing("Dgram::Make, a Configure", [&] { return Said(Dgram::Make(configure), see); });
  TryThrowing("Dgram::Make, null", [&] { return Said(Dgram::Make(nullptr), see); });
  TryThrowing("Dgram::Make, outside", [&] { return Said(Dgram::Make(event, 1 << 20), see); });
  TryThrowing("Dgram::Make, partial", [&] { return Said(Dgram::Make(event, 8), see); });
  TryThrowing("Dgram::MakeOwned", [&] { return Said(Dgram::MakeOwned(event, Declared()), see); });
  TryThrowing("Dgram::MakeOwned, of two", [&] { return Said(Dgram::MakeOwned(two), see); });
  TryThrowing("CheckDgramHeader", [&] {
    return Said(CheckDgramHeader(event->data(), event->size() - 1, source, 0, 1));
  });

  const Dgram dgram = Dgram::Make(two, 0, Declared(), source).value();
  TryThrowing("Dgram::Fault", [&] { return Said(dgram.Fault(3, "what")); });
  FailureSuite::Try(
      "Dgram::Copy", OutOfMemory::kStatusOrThrows, [](MemoryPool* pool) { return pool; },
      [&](MemoryPool*& pool) { return dgram.Copy(pool); },
      [](MemoryPool*&, const Dgram& copy) {
        Digest digest;
        Add(copy, &digest);
        return digest.text() + copy.source();
      });
  struct Kept {
    MemoryPool* pool;
    Dgram dgram;
  };
  for (const double ratio : {0.9, 0.1, 7.0}) {
    FailureSuite::Try(
        "Dgram::CompactIfBelow", OutOfMemory::kStatusOrThrows,
        [&](MemoryPool* pool) {
          return Kept{pool, dgram};
        },
        [&](Kept& kept) { return kept.dgram.CompactIfBelow(ratio, kept.pool); },
        [](Kept& kept, bool compacted) {
          Digest digest;
          Add(kept.dgram, &digest);
          return digest.text() + (compacted ? " compacted" : "") +
                 (kept.dgram.owns_memory() ? " owned" : "");
        });
  }
  const int64_t points = failing::failure_totals.points;
  TryThrowing("Dgram, copied", [&] {
    Digest digest;
    Dgram copy = dgram;
    copy = Dgram(copy);
    Add(copy, &digest);
    return digest;
  });
  EXPECT_EQ(failing::failure_totals.points, points) << "copying a Dgram takes memory";
}

TEST(DgramOutOfMemory, Slices) {
  const auto reader = BatchReader::Open(crafted::AsBuffer(crafted::Run(4))).value();
  const DgramBatch batch = reader->Next().value();
  const auto see = [](const std::shared_ptr<Buffer>& buffer) {
    return Said(std::string_view(buffer->data_as<char>(), static_cast<size_t>(buffer->size())));
  };
  // Slices come from a store of the thread: only the first need memory.
  std::vector<std::shared_ptr<Buffer>> held;
  for (int i = 0; i < 100; ++i) held.push_back(batch.buffer());
  TryThrowing("DgramBatch::buffer", [&] { return see(batch.buffer()); });
  TryThrowing("Dgram::buffer", [&] { return see(batch.begin()->buffer()); });
  TryThrowing("DgramBatch, iterated", [&] {
    Digest digest;
    for (auto it = batch.begin(); it != batch.end(); ++it) {
      const DgramIterator copy = it;
      Add(*copy, &digest);
    }
    return digest;
  });
}

// Everything that ShapesData, FieldView, HeldField and ArrayView say of one datagram.
Digest SeeFields(const Dgram& dgram) {
  Digest digest;
  digest.Add(ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
    digest.Add(field.bytes().data(), field.nbytes());
    const Result<uint16_t> scalar = field.Scalar<uint16_t>();
    digest.Add(scalar.status());
    const Result<std::string_view> text = field.String();
    digest.Add(text.status());
    if (text.ok()) digest.Add(*text);
    const Result<ArrayView<uint32_t>> array = field.Array<uint32_t>();
    digest.Add(array.status());
    if (array.ok()) {
      digest.Add(array->size());
      uint32_t few[1];
      digest.Add(array->CopyTo(few));
      digest.Add(array->span().status());
    }
    digest.Add(data.field(-1).status());
    digest.Add(data.field("none").status());
    digest.Add(data.EnumLabel(0).status());
  }));
  return digest;
}

TEST(DgramOutOfMemory, Fields) {
  const Dgram event = Event(7);
  TryThrowing("ForEachField, and all of each field", [&] { return SeeFields(event); });
  const FieldHandle handle = Declared()->Find("det", 0, "raw", "image").value();
  const FieldHandle other =
      MakeDgram(crafted::Configure()).configuration()->Find("det", 0, "raw", "image").value();
  const Dgram empty = MakeDgram(crafted::Dgram(TransitionId::kL1Accept, ""), Declared());
  const auto see = [](const HeldField& field, Digest* digest) {
    digest->Add(field.bytes().data(), field.nbytes());
  };
  TryThrowing("FindField", [&] { return Said(FindField(event, handle), see); });
  TryThrowing("FindField, another's", [&] { return Said(FindField(event, other), see); });
  TryThrowing("FindField, not carried", [&] { return Said(FindField(empty, handle), see); });
  const Dgram unconfigured = MakeDgram(crafted::Event(1));
  TryThrowing("CheckDgram, unconfigured", [&] { return Said(CheckDgram(unconfigured)); });

  const auto image = std::make_shared<HeldField>(FindField(event, handle).value());
  const auto array_of = [&](MemoryPool* pool) {
    return std::pair(pool, image->Array<uint32_t>().value());
  };
  using State = std::pair<MemoryPool*, ArrayView<uint32_t>>;
  FailureSuite::Try(
      "ArrayView::Copy", OutOfMemory::kStatusOrThrows, array_of,
      [](State& state) { return state.second.Copy(state.first); },
      [](State&, const std::shared_ptr<Buffer>& copy) { return std::to_string(copy->size()); });
  for (const double ratio : {0.9, 0.01, 7.0}) {
    FailureSuite::Try(
        "ArrayView::CompactIfBelow", OutOfMemory::kStatusOrThrows, array_of,
        [&](State& state) { return state.second.CompactIfBelow(ratio, state.first); },
        [](State& state, bool compacted) {
          return std::to_string(state.second[3]) + (compacted ? " compacted" : "");
        });
  }
}

TEST(DgramOutOfMemory, FieldValues) {
  const dgram::Names names = MakeDeclaration(Definition(), {}).value();
  const std::vector<uint32_t> values(6);
  const auto check = [&](const char* name, const FieldValue& value, size_t index) {
    TryThrowing(name, [&] { return Said(value.Check(names, index)); });
  };
  check("FieldValue::Check", FieldValue::Scalar<uint16_t>(5), 0);
  check("FieldValue::Check, a type", FieldValue::Scalar<double>(5), 0);
  check("FieldValue::Check, a shape", FieldValue::Array<uint32_t>(values, {2, 2}), 1);
  check("FieldValue::Check, a rank", FieldValue::Array<uint32_t>(values, {1, 1, 1, 1, 1, 6}), 1);
  check("FieldValue::Check, text", FieldValue::String("text"), 0);
}

// The same walk, again and again until it has said the same as one that was never disturbed. What it
// gave before it threw it does not give again.
template <typename Walk, typename Make, typename See>
void TryWalk(const char* name, const Make& make, const See& see) {
  struct State {
    std::unique_ptr<Walk> walk;
    Digest digest;
  };
  FailureSuite::Try(
      name, OutOfMemory::kThrows,
      [&](MemoryPool*) {
        return State{make(), {}};
      },
      [&](State& state) {
        while (state.walk->Next()) see(*state.walk, &state.digest);
        return Said(state.walk->status());
      },
      [](State& state, const Digest& said) { return state.digest.text() + said.text(); });
}

TEST(DgramOutOfMemory, WalksOverWhatIsMalformed) {
  int64_t walked = 0;
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    BatchReaderOptions options;
    options.read_configures = false;
    options.require_configuration = false;
    options.configuration = Declared();
    const auto reader =
        BatchReader::Open(crafted::AsBuffer(corruption.bytes), std::move(options)).value();
    Result<DgramBatch> batch = reader->Next();
    for (; batch.ok() && !batch->empty(); batch = reader->Next()) {
      for (const Dgram& dgram : *batch) {
        const bool sound = CheckDgram(dgram).ok() && CheckExtents(dgram).ok();
        if (sound) continue;
        ++walked;
        TryWalk<XtcWalk>(
            "XtcWalk", [&] { return std::make_unique<XtcWalk>(dgram); },
            [](const XtcWalk& walk, Digest* digest) { digest->Add(walk.offset()); });
        TryWalk<ShapesDataWalk>(
            "ShapesDataWalk", [&] { return std::make_unique<ShapesDataWalk>(dgram); },
            [](const ShapesDataWalk& walk, Digest* digest) {
              digest->Add(walk.shapes_data().offset());
            });
        ShapesDataWalk data(dgram);
        while (data.Next()) {
          TryWalk<FieldWalk>(
              "FieldWalk", [&] { return std::make_unique<FieldWalk>(data.shapes_data()); },
              [](const FieldWalk& walk, Digest* digest) {
                digest->Add(walk.field().data(), walk.field().nbytes());
              });
        }
        TryThrowing("ForEachField", [&] { return SeeFields(dgram); });
        TryThrowing("CheckDgram", [&] { return Said(CheckDgram(dgram)); });
        TryThrowing("CheckExtents", [&] { return Said(CheckExtents(dgram)); });
        if (dgram.service() == TransitionId::kConfigure) {
          TryThrowing("Configuration::FromDgram",
                      [&] { return Said(Configuration::FromDgram(dgram).status()); });
        }
      }
    }
  }
  EXPECT_GE(walked, 30);
}

// ---- Readers

// A reader, and what it has given.
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
// The same, a fault of the data being an answer as good as any.
Status ReadUpToAFault(Reading& reading) {
  const Status status = ReadOn(reading);
  if (status.code() != StatusCode::kDataLoss) return status;
  reading.digest.Add(status);
  return absl::OkStatus();
}
std::string TextOfReading(Reading& reading) { return reading.digest.text(); }

BatchReaderOptions OptionsFor(MemoryPool* pool, int64_t batch_bytes) {
  BatchReaderOptions options;
  options.pool = pool;
  options.batch_bytes = batch_bytes;
  return options;
}

// Two Configures, so that batches begin in the middle of a block.
std::string TwoRuns() { return crafted::Run(9) + crafted::Run(6); }

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
  const auto buffer = crafted::AsBuffer(run);
  const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
  FailureSuite::Try(
      "BatchReader::Open, a path", OutOfMemory::kStatus, take_pool,
      [&](MemoryPool*& pool) { return BatchReader::Open(path, OptionsFor(pool, 500)); }, digest);
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
  const auto buffer = crafted::AsBuffer(TwoRuns());
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

TEST(DgramOutOfMemory, ReadingWhatIsMalformed) {
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    const auto buffer = crafted::AsBuffer(corruption.bytes);
    FailureSuite::Try(
        "BatchReader::Next, of a malformed file", OutOfMemory::kStatus,
        [&](MemoryPool* pool) {
          const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
          return Reading{BatchReader::Open(file, OptionsFor(pool, 700)).value(), {}, {}};
        },
        ReadUpToAFault, TextOfReading);
  }
}

// Every read fails in its turn: what is read then is what was to be read, and nothing twice.
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
      [](MemoryPool*& pool) {
        return std::make_shared<BlockRecycler>(pool, nullptr, Label(), size_t{3});
      },
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
    state->recycler = std::make_shared<BlockRecycler>(pool, nullptr, Label());
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
  const int64_t points = failing::failure_totals.points;
  FailureSuite::Try(
      "BlockRecycler::Close", OutOfMemory::kGoesOn, make,
      [](std::unique_ptr<State>& state) {
        state->kept = nullptr;
        state->recycler->Close();
      },
      [](std::unique_ptr<State>&) { return std::string(); });
  EXPECT_EQ(failing::failure_totals.points, points);
}

// ---- Writers

struct Writing {
  std::unique_ptr<DgramWriter> writer;
  std::shared_ptr<Buffer> sunk;
};
std::string TextOfWriting(std::unique_ptr<Writing>& writing) {
  Digest digest;
  digest.Add(writing->writer->size());
  digest.Add(writing->writer->length());
  const auto buffer = writing->writer->Finish();
  digest.Add(buffer.status());
  if (buffer.ok()) digest.Add((*buffer)->data(), (*buffer)->size());
  return digest.text();
}
std::unique_ptr<Writing> Writer(MemoryPool* pool) {
  auto writing = std::make_unique<Writing>();
  writing->writer = std::make_unique<DgramWriter>(pool);
  return writing;
}

Status WriteConfigure(DgramWriter& writer, const DetectorDefinition& definition) {
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kConfigure, Timestamp(1, 0)));
  ALKAID_RETURN_NOT_OK(writer.Declare(definition).status());
  ALKAID_RETURN_NOT_OK(writer.Declare(Declared()->names().front()));
  return writer.End();
}
Status WriteEvent(DgramWriter& writer, const dgram::Names& names) {
  static const std::vector<uint32_t> pixels(400, 5);
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
  ALKAID_RETURN_NOT_OK(writer.Data(
      names, {FieldValue::Scalar<uint16_t>(5), FieldValue::Array<uint32_t>(pixels, {20, 20})}));
  return writer.End();
}
Status WriteEventByFields(DgramWriter& writer, const dgram::Names& names) {
  static const std::vector<uint32_t> pixels(400, 6);
  ALKAID_RETURN_NOT_OK(writer.Begin(TransitionId::kL1Accept, Timestamp(1, 2)));
  ALKAID_RETURN_NOT_OK(writer.BeginData(names));
  ALKAID_RETURN_NOT_OK(writer.Scalar<uint16_t>(5));
  ALKAID_RETURN_NOT_OK(writer.Array<uint32_t>(pixels, {20, 20}));
  ALKAID_RETURN_NOT_OK(writer.EndData());
  return writer.End();
}

// Each datagram is written again after a failure, from its beginning: once is enough.
TEST(DgramOutOfMemory, Writing) {
  const DetectorDefinition definition = Definition();
  const dgram::Names names = MakeDeclaration(definition, {}).value();
  FailureSuite::Try(
      "DgramWriter::Begin, Declare, End", OutOfMemory::kStatusOrThrows, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteConfigure(*w->writer, definition); },
      TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::Data", OutOfMemory::kStatusOrThrows, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteEvent(*w->writer, names); }, TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::BeginData, Value, EndData", OutOfMemory::kStatusOrThrows, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteEventByFields(*w->writer, names); },
      TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::Append", OutOfMemory::kStatusOrThrows, Writer,
      [&](std::unique_ptr<Writing>& w) { return w->writer->Append(Configure()); }, TextOfWriting);
  const auto edit = std::make_shared<DgramEdit>(DgramEdit::Make(Configure()).value());
  FailureSuite::Try(
      "DgramWriter::Append, an edit", OutOfMemory::kStatusOrThrows, Writer,
      [&](std::unique_ptr<Writing>& w) { return w->writer->Append(*edit); }, TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::Finish", OutOfMemory::kStatusOrThrows,
      [&](MemoryPool* pool) {
        auto writing = Writer(pool);
        EXPECT_TRUE(WriteEvent(*writing->writer, names).ok());
        return writing;
      },
      [&](std::unique_ptr<Writing>& w) { return w->writer->Finish(); },
      [](std::unique_ptr<Writing>& w, const std::shared_ptr<Buffer>& buffer) {
        return std::to_string(buffer->size()) + TextOfWriting(w);
      });
}

// What the writer refuses it refuses whether there is memory to say why, or not, and then it stands
// after the last whole datagram.
TEST(DgramOutOfMemory, RefusalsOfAWriter) {
  const dgram::Names names = MakeDeclaration(Definition(), {}).value();
  using Call = std::pair<const char*, std::function<Status(DgramWriter&)>>;
  const std::vector<Call> calls = {
      {"Begin, of a service", [](auto& w) { return w.Begin(TransitionId{16}, Timestamp()); }},
      {"End, of nothing", [](auto& w) { return w.End(); }},
      {"Data, of nothing", [&](auto& w) { return w.Data(names, {}); }},
      {"EndData, of nothing", [&](auto& w) { return w.EndData(); }},
      {"Append, of nothing", [&](auto& w) { return w.Append(Dgram()); }},
  };
  const std::vector<Call> open = {
      {"Begin, while open", [](auto& w) { return w.Begin(TransitionId::kEnable, Timestamp()); }},
      {"Declare, in no Configure", [&](auto& w) { return w.Declare(names); }},
      {"Data, without values", [&](auto& w) { return w.Data(names, {}); }},
      {"Finish, while open", [](auto& w) { return w.Finish().status(); }},
      {"Close, while open", [](auto& w) { return w.Close(); }},
  };
  for (const auto& [name, call] : calls) {
    FailureSuite::Try(
        name, OutOfMemory::kThrows, Writer,
        [&call = call](std::unique_ptr<Writing>& w) { return Said(call(*w->writer)); },
        [](std::unique_ptr<Writing>& w, const Digest& said) {
          return said.text() + TextOfWriting(w);
        });
  }
  for (const auto& [name, call] : open) {
    // With the datagram begun, as its failure drops it.
    FailureSuite::Try(
        name, OutOfMemory::kStatusOrThrows, Writer,
        [&call = call](std::unique_ptr<Writing>& w) -> Result<Digest> {
          ALKAID_RETURN_NOT_OK(w->writer->Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
          return Said(call(*w->writer));
        },
        [](std::unique_ptr<Writing>& w, const Digest& said) {
          return said.text() + TextOfWriting(w);
        });
  }
}

// A sink of which every write needs memory of its own, and which takes nothing of what it had none for.
class NeedySink final : public io::OutputStream {
 public:
  using OutputStream::Write;
  Status Write(const void* data, int64_t nbytes) override {
    taken_.append(static_cast<const char*>(data), static_cast<size_t>(nbytes));
    return absl::OkStatus();
  }
  Status Close() override {
    const auto needed = std::make_unique<std::string>(100, 'x');
    closed_ = true;
    return absl::OkStatus();
  }
  Result<int64_t> Tell() const override { return static_cast<int64_t>(taken_.size()); }
  bool closed() const override { return closed_; }

 private:
  std::string taken_;
  bool closed_ = false;
};

TEST(DgramOutOfMemory, WritersWithASink) {
  struct State {
    std::shared_ptr<NeedySink> sink = std::make_shared<NeedySink>();
    std::unique_ptr<DgramWriter> writer;
  };
  const dgram::Names names = MakeDeclaration(Definition(), {}).value();
  const auto make = [&](MemoryPool* pool) {
    State state;
    DgramWriterOptions options;
    options.flush_bytes = 1 << 20;
    options.pool = pool;
    state.writer = std::make_unique<DgramWriter>(state.sink, options);
    return state;
  };
  FailureSuite::Try(
      "DgramWriter::Close", OutOfMemory::kStatusOrThrows, make,
      [](State& state) { return state.writer->Close(); },
      [](State& state) { return std::to_string(state.sink->closed()); });
  FailureSuite::Try(
      "DgramWriter::Finish, with a sink", OutOfMemory::kThrows, make,
      [](State& state) { return Said(state.writer->Finish().status()); },
      [](State&, const Digest& said) { return said.text(); });
  FailureSuite::Try(
      "DgramWriter, with a null sink", OutOfMemory::kThrows, Nothing,
      [](int&) { return std::make_unique<DgramWriter>(std::shared_ptr<io::OutputStream>()); },
      [](int&, const std::unique_ptr<DgramWriter>& writer) {
        return absl::StatusCodeToString(writer->Close().code());
      });

  // A sink that throws has failed, for good: how much it has taken, nobody knows.
  State state = make(nullptr);
  ASSERT_TRUE(WriteEvent(*state.writer, names).ok());
  failing::WithoutNew([&] { EXPECT_THROW((void)state.writer->Close(), std::bad_alloc); });
  EXPECT_FALSE(state.sink->closed());
  const Status closing = state.writer->Close();
  EXPECT_EQ(closing.code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(state.sink->closed());
  EXPECT_EQ(state.writer->Begin(TransitionId::kEnable, Timestamp()), closing);
}

TEST(DgramOutOfMemory, WritersOfFiles) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("alkaid_dgram_writer_" + std::to_string(getpid()) + ".xtc2"))
                               .string();
  const dgram::Names names = MakeDeclaration(Definition(), {}).value();
  FailureSuite::Try(
      "DgramWriter::Open, a datagram, and Close", OutOfMemory::kStatusOrThrows,
      [](MemoryPool* pool) { return pool; },
      [&](MemoryPool*& pool) -> Status {
        DgramWriterOptions options;
        options.pool = pool;
        ALKAID_ASSIGN_OR_RAISE(const auto writer, DgramWriter::Open(path, options));
        ALKAID_RETURN_NOT_OK(WriteEvent(*writer, names));
        return writer->Close();
      },
      [&](MemoryPool*&) {
        const auto size = std::filesystem::file_size(path);
        std::filesystem::remove(path);
        return std::to_string(size);
      });
  FailureSuite::Try(
      "DgramWriter::Open, no flush_bytes", OutOfMemory::kThrows, Nothing,
      [&](int&) { return Said(DgramWriter::Open(path, {.flush_bytes = 0}).status()); }, TextOf);
}

// ---- Editors

struct Editing {
  MemoryPool* pool;
  std::unique_ptr<DgramEdit> edit;
  // Where Save writes.
  std::vector<uint8_t> out = std::vector<uint8_t>(1 << 16);
};
std::string TextOfEditing(Editing& editing) {
  Digest digest;
  const auto saved = editing.edit->Save(std::span<uint8_t>(editing.out));
  digest.Add(saved.status());
  if (saved.ok()) digest.Add(editing.out.data(), *saved);
  if (editing.edit->configuration() != nullptr) {
    for (const dgram::Names& names : editing.edit->configuration()->names()) Add(names, &digest);
  }
  return digest.text();
}

TEST(DgramOutOfMemory, Editing) {
  const Dgram event = Event(3);
  const Dgram other = Event(4);
  const auto editor_of = [](const Dgram& dgram) {
    return [&dgram](MemoryPool* pool) {
      DgramEditOptions options;
      options.pool = pool;
      return Editing{pool, std::make_unique<DgramEdit>(DgramEdit::Make(dgram, options).value())};
    };
  };
  const auto try_edit = [&](const char* name, const Dgram& dgram, const auto& call) {
    FailureSuite::Try(
        name, OutOfMemory::kStatusOrThrows, editor_of(dgram),
        [&](Editing& editing) { return call(*editing.edit); }, TextOfEditing);
  };
  const auto text_of_made = [](MemoryPool*& pool, DgramEdit& edit) {
    Editing editing{pool, std::make_unique<DgramEdit>(std::move(edit))};
    return TextOfEditing(editing);
  };
  for (const Dgram& dgram : {Configure(), event, Dgram()}) {
    FailureSuite::Try(
        "DgramEdit::Make", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
        [&](MemoryPool*& pool) { return DgramEdit::Make(dgram, {.pool = pool}); }, text_of_made);
  }
  for (const TransitionId service :
       {TransitionId::kConfigure, TransitionId::kEnable, TransitionId{16}}) {
    FailureSuite::Try(
        "DgramEdit::Make, a new one", OutOfMemory::kThrows, [](MemoryPool* pool) { return pool; },
        [&](MemoryPool*& pool) {
          return DgramEdit::Make(service, Timestamp(1, 1), nullptr, {.pool = pool});
        },
        text_of_made);
    try_edit("DgramEdit::Reset, to a new one", Configure(),
             [&](DgramEdit& edit) { return edit.Reset(service, Timestamp(1, 1)); });
  }
  try_edit("DgramEdit::Reset", event, [&](DgramEdit& edit) { return edit.Reset(Configure()); });
  try_edit("DgramEdit::Reset, to an event", Configure(),
           [&](DgramEdit& edit) { return edit.Reset(other); });
  try_edit("DgramEdit::Reset, to nothing", event,
           [&](DgramEdit& edit) { return edit.Reset(Dgram()); });
  const Dgram malformed =
      MakeDgram(crafted::Dgram(TransitionId::kL1Accept, crafted::Xtc(1, "", 0, 0, 5)), Declared());
  try_edit("DgramEdit::Reset, to a malformed one", event,
           [&](DgramEdit& edit) { return edit.Reset(malformed); });
  const DetectorDefinition definition = Definition();
  try_edit("DgramEdit::AddDetector", Configure(),
           [&](DgramEdit& edit) { return edit.AddDetector(definition).status(); });
  try_edit("DgramEdit::AddDetector, in no Configure", event,
           [&](DgramEdit& edit) { return edit.AddDetector(definition).status(); });

  const dgram::Names& names = Declared()->names().front();
  const std::vector<uint32_t> pixels(600, 5);
  const auto add = [&](DgramEdit& edit) {
    return edit.AddData(
        names, {FieldValue::Scalar<uint16_t>(5), FieldValue::String("text"),
                FieldValue::Array<uint32_t>(pixels, {30, 20}), FieldValue::Scalar<double>(5)});
  };
  const auto remove_and_add = [&](DgramEdit& edit) -> Status {
    ALKAID_RETURN_NOT_OK(edit.RemoveData("det", "raw"));
    return add(edit);
  };
  try_edit("DgramEdit::AddData, after RemoveData", event, remove_and_add);
  try_edit("DgramEdit::AddData, of what is there", event, add);
  try_edit("DgramEdit::AddData, without values", event,
           [&](DgramEdit& edit) { return edit.AddData(names, {}); });
  try_edit("DgramEdit::RemoveData", event,
           [&](DgramEdit& edit) { return edit.RemoveData("det", "raw", 0); });
  try_edit("DgramEdit::RemoveData, of nothing", event,
           [&](DgramEdit& edit) { return edit.RemoveData("other", "raw", 0); });
  try_edit("DgramEdit::RemoveData, of a Configure", Configure(),
           [&](DgramEdit& edit) { return edit.RemoveData("det", "raw"); });
  try_edit("DgramEdit::UpdateService", event,
           [&](DgramEdit& edit) { return edit.UpdateService(TransitionId::kConfigure); });
  try_edit("DgramEdit, moved", event, [&](DgramEdit& edit) {
    DgramEdit taken(std::move(edit));
    taken.UpdateTimestamp(Timestamp(5, 5));
    taken.UpdateDamage(Damage(1));
    edit = std::move(taken);
    return absl::OkStatus();
  });

  FailureSuite::Try(
      "DgramEdit::Save", OutOfMemory::kStatusOrThrows, editor_of(event),
      [](Editing& editing) { return editing.edit->Save(editing.pool); },
      [](Editing&, const Dgram& dgram) {
        Digest digest;
        Add(dgram, &digest);
        return digest.text();
      });
  FailureSuite::Try(
      "DgramEdit::Save, too small", OutOfMemory::kThrows, editor_of(event),
      [](Editing& editing) {
        return Said(editing.edit->Save(std::span<uint8_t>(editing.out.data(), 5)).status());
      },
      [](Editing&, const Digest& said) { return said.text(); });
  const Dgram corrupted = MakeDgram(
      crafted::Dgram(TransitionId::kL1Accept, crafted::EventPayload(1), 1, 8), Declared());
  const Dgram hidden = MakeDgram(
      crafted::Dgram(TransitionId::kL1Accept, crafted::Xtc(1, "", 0, 0, 5), 1, 8), Declared());
  for (const Dgram& dgram : {corrupted, hidden}) {
    FailureSuite::Try(
        "DgramEdit::Save, of what was marked corrupted", OutOfMemory::kStatusOrThrows,
        [&](MemoryPool* pool) {
          Editing editing = editor_of(dgram)(pool);
          editing.edit->UpdateDamage(Damage());
          return editing;
        },
        [](Editing& editing) { return editing.edit->Save(std::span<uint8_t>(editing.out)); },
        [](Editing& editing, int64_t saved) {
          Digest digest;
          digest.Add(editing.out.data(), saved);
          return digest.text();
        });
  }
  FailureSuite::Try(
      "DgramEdit::Save, to a stream", OutOfMemory::kStatusOrThrows, editor_of(event),
      [](Editing& editing) -> Result<int64_t> {
        io::FixedSizeBufferWriter out(std::make_shared<MutableBuffer>(
            editing.out.data(), static_cast<int64_t>(editing.out.size())));
        ALKAID_RETURN_NOT_OK(editing.edit->Save(out));
        return out.Tell();
      },
      [](Editing&, int64_t written) { return std::to_string(written); });
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
      io::BufferReader::Make(crafted::AsBuffer(bytes)).value();
  state->reader = BatchReader::Open(file, ForVerifying(OptionsFor(pool, batch_bytes))).value();
  return state;
}
std::string TextOfVerifying(std::unique_ptr<Verifying>& state) {
  const VerifyTotals& totals = state->verifier->totals();
  EXPECT_EQ(state->findings, totals.faults + totals.remarks);
  return absl::StrCat(state->found.text(), " ", totals.dgrams, " ", totals.bytes, " ",
                      totals.faults, " ", totals.remarks, " ", totals.bytes_not_reached);
}

// No finding is told twice, and none is missing.
TEST(DgramOutOfMemory, Verifying) {
  for (const Corruption& corruption : Corruptions()) {
    SCOPED_TRACE(corruption.name);
    const std::string bytes = corruption.bytes + crafted::Event(1) + corruption.bytes;
    FailureSuite::Try(
        "Verifier::CheckAll", OutOfMemory::kStatusOrThrows,
        [&](MemoryPool* pool) { return Verify(pool, bytes, 1500); },
        [](std::unique_ptr<Verifying>& state) { return state->verifier->CheckAll(*state->reader); },
        TextOfVerifying);
  }
  FailureSuite::Try(
      "Verifier::CheckBatch, at the end", OutOfMemory::kStatusOrThrows,
      [&](MemoryPool* pool) { return Verify(pool, "", 1500); },
      [](std::unique_ptr<Verifying>& state) {
        return state->verifier->CheckBatch(*state->reader).status();
      },
      TextOfVerifying);
  FailureSuite::Try(
      "Verifier", OutOfMemory::kThrows, Nothing,
      [](int&) {
        return std::make_unique<Verifier>(
            "a source with a long name", [](const Finding&) {}, Declared());
      },
      [](int&, const std::unique_ptr<Verifier>& made) {
        return std::to_string(made->totals().dgrams);
      });
  BatchReaderOptions named;
  named.name = "a source with a long name";
  TryThrowing("ForVerifying", [&] { return Said(ForVerifying(named).name); });
}

// A Configure whose check was interrupted declares nothing to those who go on with the next datagram.
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
    // "The first datagram is not Configure", and data before any; or nothing at all.
    EXPECT_EQ(state->verifier->totals().faults, threw ? 2 : 0) << "at " << n;
    EXPECT_EQ(state->verifier->totals().dgrams, threw ? 1 : 2) << "at " << n;
    if (!threw) {
      EXPECT_GT(n, 3);
      break;
    }
  }
}

// ---- Views that are watched

class Watcher final : public MemoryObserver {
 public:
  Watcher() { AddMemoryObserver(this, MemoryEventKinds::kViews); }
  ~Watcher() override { RemoveMemoryObserver(this); }
};

TEST(DgramOutOfMemory, WatchedViewsDoWithout) {
  const Watcher watcher;
  const auto buffer = crafted::AsBuffer(crafted::Run(4));
  const auto reader = BatchReader::Open(buffer).value();
  const DgramBatch batch = reader->Next().value();
  const auto goes_on = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        name, OutOfMemory::kGoesOn, Nothing, [&](int&) { return call(); },
        [](int&, const Digest& digest) { return digest.text(); });
  };
  goes_on("Dgram, copied while watched", [&] {
    Digest digest;
    for (const Dgram& dgram : batch) {
      const Dgram copy = dgram;
      Add(copy, &digest);
    }
    return digest;
  });
  goes_on("internal::WatchBytes", [&] {
    const std::shared_ptr<const void> watched =
        internal::WatchBytes(batch.origin(), buffer, buffer->data(), 10);
    return Said(watched == nullptr ? "none" : "one");
  });
  goes_on("internal::TellSourceOf", [&] {
    internal::TellSourceOf(*batch.origin(), buffer->data(), buffer->size());
    return Digest();
  });
  const Dgram event = Event(3);
  goes_on("FieldView::Array, while watched", [&] {
    Digest digest;
    const Status status = ForEachField(event, [&](const ShapesData&, const FieldView& field) {
      if (field.type() != DataType::kUInt32) return;
      const auto array = field.Array<uint32_t>();
      if (array.ok()) digest.Add(array->data(), array->nbytes());
    });
    digest.Add(status);
    return digest;
  });
  struct Watched {
    std::unique_ptr<BatchReader> reader;
    Digest digest;
  };
  FailureSuite::Try(
      "BatchReader::Next, while watched", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
        return Reading{BatchReader::Open(file, OptionsFor(pool, 300)).value(), {}, {}};
      },
      ReadOn, TextOfReading);
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

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
