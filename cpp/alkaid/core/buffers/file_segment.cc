#include <algorithm>
#include <limits>
#include <new>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/file_segment_internal.h"
#include "alkaid/core/buffers/io_checks_internal.h"

namespace alkaid::io {

Result<std::shared_ptr<InputStream>> RandomAccessFile::GetStream(
    std::shared_ptr<RandomAccessFile> file, int64_t file_offset, int64_t nbytes) try {
  if (file == nullptr) return status::Invalid("RandomAccessFile::GetStream: the file is null");
  if (file_offset < 0 || nbytes < 0) {
    return status::Invalid(file->NameInErrors(), ": no stream of ", nbytes, " bytes from ",
                           file_offset, " on: neither may be negative");
  }
  // So that no position in the file overflows.
  nbytes = std::min(nbytes, std::numeric_limits<int64_t>::max() - file_offset);
  return std::make_shared<internal::FileSegment>(std::move(file), file_offset, nbytes);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

namespace internal {

Status FileSegment::Close() {
  file_.reset();
  return absl::OkStatus();
}

Result<int64_t> FileSegment::Tell() const {
  ALKAID_RETURN_NOT_OK(CheckOpen("a segment of a file", closed()));
  return position_;
}

Result<int64_t> FileSegment::Within(int64_t nbytes) const {
  ALKAID_RETURN_NOT_OK(CheckOpen("a segment of a file", closed()));
  ALKAID_RETURN_NOT_OK(CheckRange("a segment of a file", position_, nbytes));
  return std::min(nbytes, size_ - position_);
}

Result<int64_t> FileSegment::Read(int64_t nbytes, void* out) try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t wanted, Within(nbytes));
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, file_->ReadAt(file_offset_ + position_, wanted, out));
  position_ += count;
  return count;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> FileSegment::Read(int64_t nbytes) try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t wanted, Within(nbytes));
  ALKAID_ASSIGN_OR_RAISE(auto buffer, file_->ReadAt(file_offset_ + position_, wanted));
  position_ += buffer->size();
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace internal
}  // namespace alkaid::io
