// Memory runs out in writers and editors of datagrams (dgram_failure_test.cc).
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/writer.h"
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
using samples::Configure;
using samples::Declared;
using samples::Definition;
using samples::Event;
using samples::MakeDgram;

struct Writing {
  NoKeptBlocks none;
  std::unique_ptr<DgramWriter> writer;
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

// After a failure each datagram is written again from its beginning; the second attempt must
// succeed.
TEST(DgramOutOfMemory, Writing) {
  const DetectorDefinition definition = Definition();
  const dgram::Names names = MakeDeclaration(definition, {}).value();
  FailureSuite::Try(
      "DgramWriter::Begin, Declare, End", OutOfMemory::kStatus, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteConfigure(*w->writer, definition); },
      TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::Data", OutOfMemory::kStatus, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteEvent(*w->writer, names); }, TextOfWriting);
  FailureSuite::Try(
      "DgramWriter::BeginData, Value, EndData", OutOfMemory::kStatus, Writer,
      [&](std::unique_ptr<Writing>& w) { return WriteEventByFields(*w->writer, names); },
      TextOfWriting);
  // The declarations of the Configure hold for later datagrams, and no others do.
  const auto with_what_follows = [&](std::unique_ptr<Writing>& w) {
    const Status undeclared = WriteEvent(*w->writer, names);
    return absl::StatusCodeToString(undeclared.code()) + TextOfWriting(w);
  };
  FailureSuite::Try(
      "DgramWriter::Append", OutOfMemory::kStatus, Writer,
      [&](std::unique_ptr<Writing>& w) { return w->writer->Append(Configure()); },
      with_what_follows);
  const auto edit = std::make_shared<DgramEdit>(DgramEdit::Make(Configure()).value());
  FailureSuite::Try(
      "DgramWriter::Append, an edit", OutOfMemory::kStatus, Writer,
      [&](std::unique_ptr<Writing>& w) { return w->writer->Append(*edit); }, with_what_follows);
  FailureSuite::Try(
      "DgramWriter::Finish", OutOfMemory::kNeedsNone,
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

// The writer refuses the same with and without memory for the reason, and then stands after the
// last whole datagram.
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
        name, OutOfMemory::kStatus, Writer,
        [&call = call](std::unique_ptr<Writing>& w) { return Answer(call(*w->writer)); },
        [](std::unique_ptr<Writing>& w, const Digest& said) {
          return said.text() + TextOfWriting(w);
        });
  }
  for (const auto& [name, call] : open) {
    // Begins the datagram each time, as a failure drops it.
    FailureSuite::Try(
        name, OutOfMemory::kStatus, Writer,
        [&call = call](std::unique_ptr<Writing>& w) -> Result<Digest> {
          ALKAID_RETURN_NOT_OK(w->writer->Begin(TransitionId::kL1Accept, Timestamp(1, 1)));
          return Answer(call(*w->writer));
        },
        [](std::unique_ptr<Writing>& w, const Digest& said) {
          return said.text() + TextOfWriting(w);
        });
  }
}

// A sink whose every write needs memory of its own, and takes nothing when it has none.
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
      "DgramWriter::Close", OutOfMemory::kStatus, make,
      [](State& state) { return state.writer->Close(); },
      [](State& state) { return std::to_string(state.sink->closed()); });
  FailureSuite::Try(
      "DgramWriter::Finish, with a sink", OutOfMemory::kStatus, make,
      [](State& state) { return Answer(state.writer->Finish().status()); },
      [](State&, const Digest& said) { return said.text(); });
  FailureSuite::Try(
      "DgramWriter, with a null sink", OutOfMemory::kThrows, failing::NoObjects,
      [](int&) { return std::make_unique<DgramWriter>(std::shared_ptr<io::OutputStream>()); },
      [](int&, const std::unique_ptr<DgramWriter>& writer) {
        return absl::StatusCodeToString(writer->Close().code());
      });

  // A sink that throws has failed for good, as it is not known how much it has taken.
  State state = make(nullptr);
  ASSERT_TRUE(WriteEvent(*state.writer, names).ok());
  Status closed;
  failing::WithoutNew([&] { closed = state.writer->Close(); });
  EXPECT_EQ(closed.code(), StatusCode::kResourceExhausted);
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
      "DgramWriter::Open, a datagram, and Close", OutOfMemory::kStatus,
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
      "DgramWriter::Open, no flush_bytes", OutOfMemory::kStatus, failing::NoObjects,
      [&](int&) { return Answer(DgramWriter::Open(path, {.flush_bytes = 0}).status()); },
      failing::TextOfAnswer);
}

// ---- Editors

struct Editing {
  MemoryPool* pool;
  std::unique_ptr<DgramEdit> edit;
  // The buffer that Save writes to.
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
        name, OutOfMemory::kStatus, editor_of(dgram),
        [&](Editing& editing) { return call(*editing.edit); }, TextOfEditing);
  };
  const auto text_of_made = [](MemoryPool*& pool, DgramEdit& edit) {
    Editing editing{pool, std::make_unique<DgramEdit>(std::move(edit))};
    return TextOfEditing(editing);
  };
  for (const Dgram& dgram : {Configure(), event, Dgram()}) {
    FailureSuite::Try(
        "DgramEdit::Make", OutOfMemory::kStatus, [](MemoryPool* pool) { return pool; },
        [&](MemoryPool*& pool) { return DgramEdit::Make(dgram, {.pool = pool}); }, text_of_made);
  }
  for (const TransitionId service :
       {TransitionId::kConfigure, TransitionId::kEnable, TransitionId{16}}) {
    const OutOfMemory rule =
        service == TransitionId::kEnable ? OutOfMemory::kNeedsNone : OutOfMemory::kStatus;
    FailureSuite::Try(
        "DgramEdit::Make, a new one", rule, [](MemoryPool* pool) { return pool; },
        [&](MemoryPool*& pool) {
          return DgramEdit::Make(service, Timestamp(1, 1), nullptr, {.pool = pool});
        },
        text_of_made);
    FailureSuite::Try(
        "DgramEdit::Reset, to a new one", rule, editor_of(Configure()),
        [&](Editing& editing) { return editing.edit->Reset(service, Timestamp(1, 1)); },
        TextOfEditing);
  }
  try_edit("DgramEdit::Reset", event, [&](DgramEdit& edit) { return edit.Reset(Configure()); });
  try_edit("DgramEdit::Reset, to an event", Configure(),
           [&](DgramEdit& edit) { return edit.Reset(other); });
  try_edit("DgramEdit::Reset, to nothing", event,
           [&](DgramEdit& edit) { return edit.Reset(Dgram()); });
  const Dgram malformed = MakeDgram(
      fixtures::Dgram(TransitionId::kL1Accept, fixtures::Xtc(1, "", 0, 0, 5)), Declared());
  try_edit("DgramEdit::Reset, to a malformed one", event,
           [&](DgramEdit& edit) { return edit.Reset(malformed); });
  const DetectorDefinition definition = Definition();
  try_edit("DgramEdit::AddDetector", Configure(),
           [&](DgramEdit& edit) { return edit.AddDetector(definition).status(); });
  FailureSuite::Try(
      "DgramEdit::AddDetector, after another", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        Editing editing = editor_of(Configure())(pool);
        EXPECT_TRUE(editing.edit->AddDetector(Definition("one")).ok());
        return editing;
      },
      [&](Editing& editing) { return editing.edit->AddDetector(definition).status(); },
      TextOfEditing);
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
  FailureSuite::Try(
      "DgramEdit::RemoveData", OutOfMemory::kNeedsNone, editor_of(event),
      [](Editing& editing) { return editing.edit->RemoveData("det", "raw", 0); }, TextOfEditing);
  try_edit("DgramEdit::RemoveData, of nothing", event,
           [&](DgramEdit& edit) { return edit.RemoveData("other", "raw", 0); });
  try_edit("DgramEdit::RemoveData, of a Configure", Configure(),
           [&](DgramEdit& edit) { return edit.RemoveData("det", "raw"); });
  try_edit("DgramEdit::UpdateService", event,
           [&](DgramEdit& edit) { return edit.UpdateService(TransitionId::kConfigure); });
  FailureSuite::Try(
      "DgramEdit, moved", OutOfMemory::kNeedsNone, editor_of(event),
      [](Editing& editing) {
        DgramEdit taken(std::move(*editing.edit));
        taken.UpdateTimestamp(Timestamp(5, 5));
        taken.UpdateDamage(Damage(1));
        *editing.edit = std::move(taken);
      },
      TextOfEditing);

  FailureSuite::Try(
      "DgramEdit::Save", OutOfMemory::kStatus, editor_of(event),
      [](Editing& editing) { return editing.edit->Save(editing.pool); },
      [](Editing&, const Dgram& dgram) {
        Digest digest;
        Add(dgram, &digest);
        return digest.text();
      });
  FailureSuite::Try(
      "DgramEdit::Save, too small", OutOfMemory::kStatus, editor_of(event),
      [](Editing& editing) {
        return Answer(editing.edit->Save(std::span<uint8_t>(editing.out.data(), 5)).status());
      },
      [](Editing&, const Digest& said) { return said.text(); });
  const Dgram corrupted = MakeDgram(
      fixtures::Dgram(TransitionId::kL1Accept, fixtures::EventPayload(1), 1, 8), Declared());
  const Dgram hidden = MakeDgram(
      fixtures::Dgram(TransitionId::kL1Accept, fixtures::Xtc(1, "", 0, 0, 5), 1, 8), Declared());
  // Sound data are recognised, although reading the declarations takes memory.
  std::string declaring = fixtures::Configure();
  declaring[16] = 8;
  for (const Dgram& dgram : {corrupted, hidden, MakeDgram(declaring)}) {
    FailureSuite::Try(
        "DgramEdit::Save, of what was marked corrupted", OutOfMemory::kStatus,
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
  struct Saving {
    std::unique_ptr<Editing> editing;
    std::unique_ptr<io::FixedSizeBufferWriter> out;
  };
  FailureSuite::Try(
      "DgramEdit::Save, to a stream", OutOfMemory::kStatus,
      [&](MemoryPool* pool) {
        Saving saving{std::make_unique<Editing>(editor_of(event)(pool)), nullptr};
        saving.out = std::make_unique<io::FixedSizeBufferWriter>(std::make_shared<MutableBuffer>(
            saving.editing->out.data(), static_cast<int64_t>(saving.editing->out.size())));
        return saving;
      },
      [](Saving& saving) { return saving.editing->edit->Save(*saving.out); },
      [](Saving& saving) { return std::to_string(*saving.out->Tell()); });
  // A sink that throws.
  NeedySink needy;
  FailureSuite::Try(
      "DgramEdit::Save, to a stream that throws", OutOfMemory::kStatus, editor_of(event),
      [&](Editing& editing) { return editing.edit->Save(needy); }, TextOfEditing);
}

}  // namespace
}  // namespace alkaid::dgram
