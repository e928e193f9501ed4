// FileSegment: a part of a file as a stream of its own, made by RandomAccessFile::GetStream.
//
// Ownership: holds the file until Close. Threads: one at a time; segments of one file do not
// disturb one another. Out of memory and errors: as the file's ReadAt.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io::internal {

class FileSegment final : public InputStream {
 public:
  // Not checked: neither number is negative, and the file is not null.
  FileSegment(std::shared_ptr<RandomAccessFile> file, int64_t file_offset, int64_t nbytes)
      : file_(std::move(file)), file_offset_(file_offset), size_(nbytes) {}

  Status Close() override;
  bool closed() const override { return file_ == nullptr; }
  Result<int64_t> Tell() const override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  bool supports_zero_copy() const override {
    return file_ != nullptr && file_->supports_zero_copy();
  }

 private:
  // How many of `nbytes` the segment has from its position on.
  Result<int64_t> Within(int64_t nbytes) const;

  std::shared_ptr<RandomAccessFile> file_;
  const int64_t file_offset_;
  const int64_t size_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io::internal
