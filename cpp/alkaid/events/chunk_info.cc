#include "alkaid/events/chunk_info.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::events {
namespace {

constexpr const char* kName = "chunkinfo";
constexpr const char* kIdField = "chunkid";
constexpr const char* kFilenameField = "filename";

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr std::string_view kInProgress = io::LiveFile::kInProgress;

std::string_view WithoutSuffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

bool IsAnnouncement(const dgram::Names& names) {
  return names.detector() == kName && names.algorithm().name == kName;
}

// A missing field, or one of another type, is the writer's fault, not the caller's.
Status AsFault(const dgram::ShapesData& data, const Status& status) {
  dgram::internal::ThrowIfNoMemory(status);
  if (status.code() == StatusCode::kDataLoss) return status;
  return data.dgram().Fault(data.offset(), alkaid::internal::MessageOf(status));
}

Result<ChunkInfo> ReadFields(const dgram::ShapesData& data) {
  const Result<dgram::FieldView> id_field = data.field(kIdField);
  if (!id_field.ok()) return AsFault(data, id_field.status());
  const Result<dgram::FieldView> filename_field = data.field(kFilenameField);
  if (!filename_field.ok()) return AsFault(data, filename_field.status());
  const Result<uint32_t> id = id_field->Scalar<uint32_t>();
  if (!id.ok()) return AsFault(data, id.status());
  const Result<std::string_view> filename = filename_field->String();
  if (!filename.ok()) return AsFault(data, filename.status());

  if (filename->empty() || *filename == "." || *filename == ".." ||
      filename->find('/') != std::string_view::npos) {
    return data.dgram().Fault(
        filename_field->data() - data.dgram().data(),
        absl::StrCat("chunk ", *id, " is said to lie in \"", std::string(*filename),
                     "\", which is not the name of a file in the same folder"));
  }
  return ChunkInfo{*id, std::string(*filename)};
}

// Nothing where `dgram` announces nothing.
Result<std::optional<ChunkInfo>> Find(const dgram::Dgram& dgram) {
  if (dgram.service() == dgram::TransitionId::kSlowUpdate) {
    // SlowUpdates are frequent, and few runs announce chunks in them.
    if (dgram.configuration() == nullptr ||
        std::none_of(dgram.configuration()->names().begin(), dgram.configuration()->names().end(),
                     IsAnnouncement)) {
      return std::optional<ChunkInfo>();
    }
  } else if (dgram.service() != dgram::TransitionId::kEnable) {
    return std::optional<ChunkInfo>();
  }
  dgram::ShapesDataWalk walk(dgram);
  while (walk.Next()) {
    if (!IsAnnouncement(walk.shapes_data().names())) continue;
    ALKAID_ASSIGN_OR_RAISE(ChunkInfo info, ReadFields(walk.shapes_data()));
    return std::optional<ChunkInfo>(std::move(info));
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  return std::optional<ChunkInfo>();
}

}  // namespace

Result<ChunkInfo> ChunkInfo::Read(const dgram::Dgram& dgram) try {
  ALKAID_ASSIGN_OR_RAISE(std::optional<ChunkInfo> found, Find(dgram));
  if (found.has_value()) return *std::move(found);
  return status::KeyError(dgram.source(), ": byte ", dgram.offset(), " (datagram ", dgram.index(),
                          ", ", dgram::TransitionName(dgram.service()), "): no ", kName, " in it");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::optional<ChunkInfo>> ChunkInfo::Next(const dgram::Dgram& dgram, std::string_view path,
                                                 uint32_t current) try {
  ALKAID_ASSIGN_OR_RAISE(std::optional<ChunkInfo> found, Find(dgram));
  if (!found.has_value() || found->chunk_id > current) return found;
  const std::string_view name = BaseName(path);
  if (found->chunk_id == current &&
      WithoutSuffix(found->filename, kInProgress) == WithoutSuffix(name, kInProgress)) {
    return std::optional<ChunkInfo>();
  }
  return dgram.Fault(
      0, absl::StrCat(dgram::TransitionName(dgram.service()), " announces chunk ", found->chunk_id,
                      " in ", found->filename, ", which readers do not reach: ", std::string(name),
                      " is chunk ", current));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

uint32_t ChunkInfo::ChunkIdOf(std::string_view path) {
  constexpr std::string_view kType = ".xtc2";
  constexpr size_t kMinDigits = 3;
  std::string_view name = WithoutSuffix(BaseName(path), kInProgress);
  if (!name.ends_with(kType)) return 0;
  name = WithoutSuffix(WithoutSuffix(name, kType), ".smd");
  size_t first = name.size();
  while (first > 0 && IsDigit(name[first - 1])) --first;
  const std::string_view digits = name.substr(first);
  if (digits.size() < kMinDigits || !name.substr(0, first).ends_with("-c")) return 0;
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  uint64_t number = 0;
  for (const char digit : digits) {
    number = std::min(number * 10 + static_cast<uint64_t>(digit - '0'), kMax);
  }
  return static_cast<uint32_t>(number);
}

std::string ChunkInfo::PathBeside(std::string_view path) const {
  const std::string_view folder = path.substr(0, path.size() - BaseName(path).size());
  return std::string(folder) + filename;
}

}  // namespace alkaid::events
