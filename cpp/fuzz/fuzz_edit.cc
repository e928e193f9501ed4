// Any bytes, as datagrams to edit: a saved edit must have the announced size, be the same each
// time, and be as sound as the edited datagram. The last bytes determine the edits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/shapes_data.h"

namespace {

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::StatusCode;
using namespace alkaid::dgram;  // NOLINT(google-build-using-namespace)

void Require(bool truth, const char* what, const Status& status = absl::OkStatus()) {
  if (truth) return;
  std::fprintf(stderr, "%s %s\n", what, status.ToString().c_str());
  std::abort();
}

// The last bytes of the input, repeated endlessly.
class Script {
 public:
  Script(const uint8_t* data, size_t size)
      : size_(std::min<size_t>(size, 32)), data_(data + (size - size_)) {}
  uint8_t Next() { return size_ == 0 ? 0 : data_[at_++ % size_]; }
  bool empty() const { return size_ == 0; }

 private:
  size_t size_;
  const uint8_t* data_;
  size_t at_ = 0;
};

template <typename T>
FieldValue ValueOf(const Field& field, uint8_t byte) {
  static const std::vector<T> zeros(64);
  if (field.rank == 0) return FieldValue::Scalar<T>(static_cast<T>(byte));
  std::vector<uint32_t> shape(static_cast<size_t>(field.rank), 1);
  shape[0] = byte % 64;
  return FieldValue::Array<T>(std::span<const T>(zeros.data(), shape[0]),
                              std::span<const uint32_t>(shape));
}

FieldValue Value(const Field& field, uint8_t byte) {
  switch (field.type) {
    case DataType::kUInt8:
      return ValueOf<uint8_t>(field, byte);
    case DataType::kUInt16:
      return ValueOf<uint16_t>(field, byte);
    case DataType::kUInt32:
      return ValueOf<uint32_t>(field, byte);
    case DataType::kUInt64:
      return ValueOf<uint64_t>(field, byte);
    case DataType::kInt8:
      return ValueOf<int8_t>(field, byte);
    case DataType::kInt16:
      return ValueOf<int16_t>(field, byte);
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return ValueOf<int32_t>(field, byte);
    case DataType::kInt64:
      return ValueOf<int64_t>(field, byte);
    case DataType::kFloat:
      return ValueOf<float>(field, byte);
    case DataType::kDouble:
      return ValueOf<double>(field, byte);
    case DataType::kCharStr:
      break;
  }
  return FieldValue::String(std::string_view("sixty-four bytes at most").substr(0, byte % 24));
}

DetectorDefinition Definition(Script& script) {
  DetectorDefinition definition;
  definition.detector = "d" + std::to_string(script.Next() % 4);
  definition.algorithm.name = "raw";
  definition.segment = script.Next() % 2;
  const int fields = script.Next() % 4;
  for (int i = 0; i < fields; ++i) {
    Field field;
    field.name = "f" + std::to_string(i) + ":e";
    field.type = static_cast<DataType>(script.Next() % kDataTypeCount);
    field.rank = script.Next() % 6;
    definition.fields.push_back(std::move(field));
  }
  if (script.Next() % 2 == 0) definition.names_id = script.Next();
  return definition;
}

// The data of `names` in the datagram, where it can be located.
std::vector<FieldValue> CarriedBy(const Dgram& dgram, const Names& names) {
  std::vector<FieldValue> values;
  for (ShapesDataWalk walk(dgram); walk.Next();) {
    if (walk.shapes_data().names().id() != names.id()) continue;
    FieldWalk fields(walk.shapes_data());
    while (fields.Next()) values.emplace_back(fields.field());
    return fields.status().ok() ? values : std::vector<FieldValue>();
  }
  return values;
}

void Change(const Dgram& dgram, Script& script, DgramEdit* edit) {
  const uint8_t what = script.Next() % 8;
  const int64_t before = edit->saved_size();
  Status status;
  if (what == 0) {
    status = edit->AddDetector(Definition(script)).status();
  } else if (what == 1) {
    edit->UpdateTimestamp(Timestamp(script.Next(), script.Next()));
  } else if (what == 2) {
    status = edit->UpdateService(static_cast<TransitionId>(script.Next() % 20));
  } else if (what == 3) {
    edit->UpdateDamage(Damage(script.Next()));
  } else if (edit->configuration() != nullptr && !edit->configuration()->names().empty()) {
    const std::vector<Names>& all = edit->configuration()->names();
    const Names& names = all[script.Next() % all.size()];
    if (what < 6) {
      const bool all_segments = script.Next() % 2 == 0;
      status = edit->RemoveData(names.detector(), names.algorithm().name,
                                all_segments ? std::nullopt : std::optional(names.segment()));
    } else {
      std::vector<FieldValue> values = CarriedBy(dgram, names);
      if (what == 6 || values.empty()) {
        values.clear();
        for (const Field& field : names.fields()) values.push_back(Value(field, script.Next()));
      }
      status = edit->AddData(names, values);
    }
  }
  Require(status.ok() || edit->saved_size() == before, "a refused edit changed the size", status);
}

// Whether readers accept the whole datagram.
bool IsSound(const Dgram& dgram) {
  return dgram.configuration() != nullptr && !dgram.damage().corrupted() && CheckDgram(dgram).ok();
}

// `corrupted`: the edited datagram was marked so; `sound`: it was not, and had no fault.
void CheckSaved(const DgramEdit& edit, bool corrupted, bool sound) {
  const auto size = static_cast<size_t>(edit.saved_size());
  // Blocks of exactly that size, so that a step past their end is detected.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[size]);
  const Result<int64_t> written = edit.Save(std::span<uint8_t>(bytes.get(), size));
  // The mark was removed from a datagram that readers would refuse without it.
  const bool refused = written.status().code() == StatusCode::kFailedPrecondition;
  if (refused && corrupted) return;
  Require(written.ok() && *written == edit.saved_size(), "an edit is not as large as it said",
          written.status());
  const std::unique_ptr<uint8_t[]> small(new uint8_t[size - 1]);
  Require(edit.Save(std::span<uint8_t>(small.get(), size - 1)).status().code() ==
              StatusCode::kResourceExhausted,
          "a buffer that is too small was not refused");
  const Result<Dgram> saved = edit.Save();
  Require(saved.ok() && saved->size() == edit.saved_size() &&
              std::memcmp(saved->data(), bytes.get(), size) == 0,
          "an edit saves other bytes the second time", saved.status());
  if (!sound || edit.configuration() == nullptr) return;
  const auto buffer = std::make_shared<Buffer>(bytes.get(), static_cast<int64_t>(size));
  const Result<Dgram> read = Dgram::Make(buffer, 0, edit.configuration());
  Require(read.ok(), "what was saved is no datagram", read.status());
  const Status checked = CheckDgram(*read);
  Require(checked.ok(), "what was saved of a sound datagram is malformed", checked);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Script script(data, size);
  const auto bytes = std::make_shared<Buffer>(data, static_cast<int64_t>(size));
  const auto reader = BatchReader::Open(bytes);
  std::optional<DgramEdit> edit;
  for (auto batch = (*reader)->Next(); batch.ok() && !batch->empty(); batch = (*reader)->Next()) {
    for (const Dgram& dgram : *batch) {
      if (edit.has_value() && script.Next() % 4 != 0) {
        if (!edit->Reset(dgram).ok()) continue;
      } else {
        DgramEditOptions options;
        if (script.Next() % 4 == 0) options.room = 16 * script.Next();
        Result<DgramEdit> made = DgramEdit::Make(dgram, options);
        if (!made.ok()) continue;
        edit.emplace(*std::move(made));
      }
      const uint8_t how = script.Next();
      bool corrupted = dgram.damage().corrupted();
      bool sound = IsSound(dgram);
      if (how % 16 == 0) CheckSaved(*edit, corrupted, sound);
      if (how % 16 == 1) {
        // A new datagram in its place, without payload.
        const auto service = static_cast<TransitionId>(script.Next() % 20);
        if (!edit->Reset(service, Timestamp(script.Next(), 0)).ok()) continue;
        corrupted = false;
        sound = true;
      }
      for (int changes = how / 16 % 4; changes > 0; --changes) Change(dgram, script, &*edit);
      CheckSaved(*edit, corrupted, sound);
    }
  }
  return 0;
}
