#include "alkaid/events/chunk_info.h"

#include <limits>
#include <new>

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

// A field that is missing or of another type is the writer's fault, not the caller's.
Status AsFault(const dgram::ShapesData& data, const Status& status) {
  dgram::internal::ThrowIfNoMemory(status);
  if (status.code() == StatusCode::kDataLoss) return status;
  return data.dgram().Fault(data.offset(), dgram::internal::MessageText(status));
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

}  // namespace

Result<ChunkInfo> ChunkInfo::Read(const dgram::Dgram& dgram) try {
  if (dgram.service() == dgram::TransitionId::kEnable) {
    dgram::ShapesDataWalk walk(dgram);
    while (walk.Next()) {
      const dgram::Names& names = walk.shapes_data().names();
      if (names.detector() != kName || names.algorithm().name != kName) continue;
      return ReadFields(walk.shapes_data());
    }
    ALKAID_RETURN_NOT_OK(walk.status());
  }
  return status::KeyError(dgram.source(), ": byte ", dgram.offset(), " (datagram ", dgram.index(),
                          ", ", dgram::TransitionName(dgram.service()), "): no ", kName, " in it");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

uint32_t ChunkInfo::ChunkIdOf(std::string_view path) {
  const std::string_view name = BaseName(path);
  for (size_t at = name.rfind("-c"); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : name.rfind("-c", at - 1)) {
    size_t digit = at + 2;
    if (digit == name.size() || !IsDigit(name[digit])) continue;
    constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
    uint64_t number = 0;
    for (; digit < name.size() && IsDigit(name[digit]); ++digit) {
      number = number * 10 + static_cast<uint64_t>(name[digit] - '0');
      if (number > kMost) number = kMost;
    }
    return static_cast<uint32_t>(number);
  }
  return 0;
}

std::string ChunkInfo::PathBeside(std::string_view path) const {
  const std::string_view folder = path.substr(0, path.size() - BaseName(path).size());
  return std::string(folder) + filename;
}

}  // namespace alkaid::events
