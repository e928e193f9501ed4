// Memory runs out in functions that read datagrams (dgram_failure_test.cc).
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/dgram/array_view.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/watched_view.h"
#include "alkaid/dgram/xtc_walk.h"
#include "fixtures/dgram_corruptions.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/no_kept_blocks.h"
#include "fixtures/sample_dgrams.h"

namespace alkaid::dgram {
namespace {

using failing::Answer;
using failing::FailureSuite;
using failing::OutOfMemory;
using samples::Add;
using samples::Declared;
using samples::Event;
using samples::MakeDgram;

TEST(DgramOutOfMemory, Dgrams) {
  const auto see = [](const Dgram& dgram, Digest* digest) { Add(dgram, digest); };
  const auto configure = fixtures::AsBuffer(fixtures::Configure());
  const auto event = fixtures::AsBuffer(fixtures::Event(1));
  const auto two = fixtures::AsBuffer(fixtures::Event(1) + fixtures::Event(2));
  const std::string source = "a source with a name of some length";
  failing::TryStatus("Dgram::Make", [&]() -> Result<Digest> {
    ALKAID_ASSIGN_OR_RAISE(std::string own, failing::Argument(source));
    return Answer(Dgram::Make(event, 0, Declared(), std::move(own)), see);
  });
  failing::TryStatus("Dgram::Make, a Configure",
                     [&] { return Answer(Dgram::Make(configure), see); });
  failing::TryStatus("Dgram::Make, null", [&] { return Answer(Dgram::Make(nullptr), see); });
  failing::TryStatus("Dgram::Make, outside",
                     [&] { return Answer(Dgram::Make(event, 1 << 20), see); });
  failing::TryStatus("Dgram::Make, partial", [&] { return Answer(Dgram::Make(event, 8), see); });
  failing::TryStatus("Dgram::MakeOwned",
                     [&] { return Answer(Dgram::MakeOwned(event, Declared()), see); });
  failing::TryStatus("Dgram::MakeOwned, of two",
                     [&] { return Answer(Dgram::MakeOwned(two), see); });
  failing::TryStatus("CheckDgramHeader", [&] {
    return Answer(CheckDgramHeader(event->data(), event->size() - 1, source, 0, 1));
  });

  const Dgram dgram = Dgram::Make(two, 0, Declared(), source).value();
  FailureSuite::Try(
      "Dgram::Copy", OutOfMemory::kStatus, [](MemoryPool* pool) { return pool; },
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
        "Dgram::CompactIfBelow", ratio == 0.1 ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus,
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
  failing::TryNeedsNone("Dgram, copied", [&] {
    Digest digest;
    Dgram copy = dgram;
    copy = Dgram(copy);
    Add(copy, &digest);
    return digest;
  });
}

TEST(DgramOutOfMemory, Slices) {
  const auto reader = BatchReader::Open(fixtures::AsBuffer(fixtures::Run(4))).value();
  const DgramBatch batch = reader->Next().value();
  const auto empty_the_store = [](MemoryPool*) { return NoKeptBlocks(); };
  const auto see = [](auto&, const std::shared_ptr<Buffer>& buffer) { return buffer->ToString(); };
  FailureSuite::Try(
      "DgramBatch::buffer", OutOfMemory::kThrows, empty_the_store,
      [&](auto&) { return batch.buffer(); }, see);
  FailureSuite::Try(
      "Dgram::buffer", OutOfMemory::kThrows, empty_the_store,
      [&](auto&) { return batch.begin()->buffer(); }, see);
  failing::TryNeedsNone("DgramBatch, iterated", [&] {
    Digest digest;
    for (auto it = batch.begin(); it != batch.end(); ++it) {
      const DgramIterator copy = it;
      Add(*copy, &digest);
    }
    return digest;
  });
}

// Everything that ShapesData, FieldView, HeldField and ArrayView return for one datagram.
Result<Digest> SeeFields(const Dgram& dgram) {
  Digest digest;
  const auto add = [&](const Status& status) {
    if (status.code() == StatusCode::kResourceExhausted) return status;
    digest.Add(status);
    return absl::OkStatus();
  };
  const auto see = [&](const ShapesData& data, const FieldView& field) -> Status {
    digest.Add(field.bytes().data(), field.nbytes());
    ALKAID_RETURN_NOT_OK(add(field.Scalar<uint16_t>().status()));
    const Result<std::string_view> text = field.String();
    ALKAID_RETURN_NOT_OK(add(text.status()));
    if (text.ok()) digest.Add(*text);
    const Result<ArrayView<uint32_t>> array = field.Array<uint32_t>();
    ALKAID_RETURN_NOT_OK(add(array.status()));
    if (array.ok()) {
      digest.Add(array->size());
      uint32_t few[1];
      ALKAID_RETURN_NOT_OK(add(array->CopyTo(few)));
      ALKAID_RETURN_NOT_OK(add(array->span().status()));
    }
    ALKAID_RETURN_NOT_OK(add(data.field(-1).status()));
    ALKAID_RETURN_NOT_OK(add(data.field("none").status()));
    return add(data.EnumLabel(0).status());
  };
  ALKAID_RETURN_NOT_OK(add(ForEachField(dgram, see)));
  return digest;
}

TEST(DgramOutOfMemory, Fields) {
  const Dgram event = Event(7);
  failing::TryStatus("ForEachField, and all of each field", [&] { return SeeFields(event); });
  const FieldHandle handle = Declared()->Find("det", 0, "raw", "image").value();
  const FieldHandle other =
      MakeDgram(fixtures::Configure()).configuration()->Find("det", 0, "raw", "image").value();
  const Dgram empty = MakeDgram(fixtures::Dgram(TransitionId::kL1Accept, ""), Declared());
  const auto see = [](const HeldField& field, Digest* digest) {
    digest->Add(field.bytes().data(), field.nbytes());
  };
  failing::TryNeedsNone("FindField", [&] { return Answer(FindField(event, handle), see); });
  failing::TryStatus("FindField, another's", [&] { return Answer(FindField(event, other), see); });
  failing::TryStatus("FindField, not carried",
                     [&] { return Answer(FindField(empty, handle), see); });
  const Dgram unconfigured = MakeDgram(fixtures::Event(1));
  failing::TryStatus("CheckDgram, unconfigured", [&] { return Answer(CheckDgram(unconfigured)); });

  const auto image = std::make_shared<HeldField>(FindField(event, handle).value());
  const auto array_of = [&](MemoryPool* pool) {
    return std::pair(pool, image->Array<uint32_t>().value());
  };
  using State = std::pair<MemoryPool*, ArrayView<uint32_t>>;
  FailureSuite::Try(
      "ArrayView::Copy", OutOfMemory::kStatus, array_of,
      [](State& state) { return state.second.Copy(state.first); },
      [](State&, const std::shared_ptr<Buffer>& copy) { return std::to_string(copy->size()); });
  for (const double ratio : {0.9, 0.01, 7.0}) {
    FailureSuite::Try(
        "ArrayView::CompactIfBelow", ratio == 0.01 ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus,
        array_of, [&](State& state) { return state.second.CompactIfBelow(ratio, state.first); },
        [](State& state, bool compacted) {
          return std::to_string(state.second[3]) + (compacted ? " compacted" : "");
        });
  }
}

TEST(DgramOutOfMemory, FieldValues) {
  const dgram::Names names = MakeDeclaration(samples::Definition(), {}).value();
  const std::vector<uint32_t> values(6);
  const auto check = [&](const char* name, const FieldValue& value, size_t index) {
    failing::TryStatus(name, [&] { return Answer(value.Check(names, index)); });
  };
  const FieldValue sound = FieldValue::Scalar<uint16_t>(5);
  failing::TryNeedsNone("FieldValue::Check", [&] { return Answer(sound.Check(names, 0)); });
  check("FieldValue::Check, a type", FieldValue::Scalar<double>(5), 0);
  check("FieldValue::Check, a shape", FieldValue::Array<uint32_t>(values, {2, 2}), 1);
  check("FieldValue::Check, a rank", FieldValue::Array<uint32_t>(values, {1, 1, 1, 1, 1, 6}), 1);
  check("FieldValue::Check, text", FieldValue::String("text"), 0);
}

// Repeats a walk until it has delivered the same as an undisturbed one. What it delivered before it
// threw must not come again.
template <typename Walk, typename Make, typename See>
void TryWalk(const char* name, const Make& make, const See& see) {
  struct State {
    std::unique_ptr<Walk> walk;
    Digest digest;
  };
  const auto undisturbed = make();
  while (undisturbed->Next()) {
  }
  FailureSuite::Try(
      name, undisturbed->status().ok() ? OutOfMemory::kNeedsNone : OutOfMemory::kThrows,
      [&](MemoryPool*) {
        return State{make(), {}};
      },
      [&](State& state) {
        while (state.walk->Next()) see(*state.walk, &state.digest);
        Digest said;
        said.Add(state.walk->status());
        return said;
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
        BatchReader::Open(fixtures::AsBuffer(corruption.bytes), std::move(options)).value();
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
        if (!CheckDgram(dgram).ok()) {
          failing::TryStatus("ForEachField", [&] { return SeeFields(dgram); });
          failing::TryStatus("CheckDgram", [&] { return Answer(CheckDgram(dgram)); });
        }
        FailureSuite::Try(
            "CheckExtents",
            CheckExtents(dgram).ok() ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus,
            failing::NoObjects, [&](int&) { return Answer(CheckExtents(dgram)); },
            failing::TextOfAnswer);
        if (dgram.service() == TransitionId::kConfigure) {
          failing::TryStatus("Configuration::FromDgram",
                             [&] { return Answer(Configuration::FromDgram(dgram).status()); });
        }
      }
    }
  }
  EXPECT_GE(walked, 30);
}

// ---- Watched views

// A reader, and what it has delivered.
struct Reading {
  std::unique_ptr<BatchReader> reader;
  Digest digest;
};
Status ReadOn(Reading& reading) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reading.reader->Next());
    if (batch.empty()) return absl::OkStatus();
    for (const Dgram& dgram : batch) Add(dgram, &reading.digest);
  }
}

class Watcher final : public MemoryObserver {
 public:
  Watcher() { AddMemoryObserver(this, MemoryEventKinds::kViews); }
  ~Watcher() override { RemoveMemoryObserver(this); }
};

TEST(DgramOutOfMemory, WatchedViewsDoWithout) {
  const Watcher watcher;
  const auto buffer = fixtures::AsBuffer(fixtures::Run(4));
  const auto reader = BatchReader::Open(buffer).value();
  const DgramBatch batch = reader->Next().value();
  const auto goes_on = [&](const char* name, const auto& call) {
    FailureSuite::Try(
        name, OutOfMemory::kGoesOn, [](MemoryPool*) { return NoKeptBlocks(); },
        [&](NoKeptBlocks&) { return call(); },
        [](NoKeptBlocks&, const Digest& digest) { return digest.text(); });
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
    return Answer(std::string_view(watched == nullptr ? "none" : "one"));
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
  FailureSuite::Try(
      "BatchReader::Next, while watched", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        const std::shared_ptr<io::RandomAccessFile> file = io::BufferReader::Make(buffer).value();
        return Reading{BatchReader::Open(file, samples::OptionsFor(pool, 300)).value(), {}};
      },
      ReadOn, [](Reading& reading) { return reading.digest.text(); });
}

}  // namespace
}  // namespace alkaid::dgram
