#include <algorithm>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/events/big_data_files_internal.h"

namespace alkaid::events::internal {

Status BigDataFiles::Open(BigDataFile* file, Missing missing) {
  if (file->file != nullptr) return absl::OkStatus();
  const auto announced = std::find_if(announced_.begin(), announced_.end(),
                                      [&](const auto& chunk) { return chunk.get() == file; });
  const Status opened = OpenAnew(file, missing);
  if (!opened.ok() && announced != announced_.end() && !IsStop(opened)) {
    dgram::internal::ThrowIfNoMemory(opened);
    return Status(opened.code(), absl::StrCat(alkaid::internal::MessageOf(opened), " (chunk ",
                                              file->chunk_id, ", announced in small data)"));
  }
  ALKAID_RETURN_NOT_OK(opened);
  ++statistics_->files_opened;
  if (announced != announced_.end()) announced_.erase(announced);
  return absl::OkStatus();
}

Status BigDataFiles::OpenAnew(BigDataFile* file, Missing missing) const {
  if (!options_.open_file && io::IsStream(file->path)) {
    return status::Invalid(file->path,
                           ": big data are read wherever their records point, and the bytes "
                           "of a pipe, a socket or a terminal come once and in order");
  }
  if (options_.live != nullptr) {
    Result<std::unique_ptr<io::LiveFile>> live =
        io::LiveFile::Open(file->path, options_.live, missing);
    if (!live.ok() && options_.live->end() == io::LiveEnd::kStopped) return StoppedStatus();
    ALKAID_RETURN_NOT_OK(live);
    file->live = *std::move(live);
    file->file = file->live->file();
    return absl::OkStatus();
  }
  if (!options_.open_file) {
    ALKAID_ASSIGN_OR_RAISE(file->file, io::ReadableFile::Open(file->path, options_.pool));
    return absl::OkStatus();
  }
  ALKAID_ASSIGN_OR_RAISE(file->file, options_.open_file(file->path));
  if (file->file != nullptr) return absl::OkStatus();
  return status::Invalid(file->path, ": the file that was opened is null");
}

Status BigDataFiles::OpenAnnounced() {
  while (!announced_.empty()) {
    ALKAID_RETURN_NOT_OK(Open(announced_.front().get(), Missing::kWait));
  }
  return absl::OkStatus();
}

}  // namespace alkaid::events::internal
