// A RandomAccessFile over a string that notes every read, and can fail or end early; for the tests
// of this room.
//
// Not installed.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffer.h"
#include "alkaid/core/io_interfaces.h"

namespace alkaid::dgram {

class CountedFile final : public io::RandomAccessFile {
 public:
  struct Range {
    int64_t position;
    int64_t nbytes;
  };

  explicit CountedFile(std::string bytes) : bytes_(std::move(bytes)) {}

  const std::vector<Range>& reads() const { return reads_; }
  // The next read fails.
  void FailOnce() { fail_ = true; }
  // From now on the file ends here, though GetSize says what it said.
  void ShrinkTo(int64_t size) { end_ = size; }

  Result<int64_t> GetSize() override { return static_cast<int64_t>(bytes_.size()); }
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override {
    reads_.push_back({position, nbytes});
    if (std::exchange(fail_, false)) return absl::UnavailableError("the disk is away");
    const int64_t end = std::min(end_, static_cast<int64_t>(bytes_.size()));
    const int64_t got = std::clamp<int64_t>(end - position, 0, nbytes);
    if (got > 0) std::memcpy(out, bytes_.data() + position, static_cast<size_t>(got));
    return got;
  }

  Result<std::shared_ptr<Buffer>> ReadAt(int64_t, int64_t) override { return NotHere(); }
  Result<int64_t> Read(int64_t, void*) override { return NotHere(); }
  Result<std::shared_ptr<Buffer>> Read(int64_t) override { return NotHere(); }
  Status Seek(int64_t) override { return NotHere(); }
  Result<int64_t> Tell() const override { return NotHere(); }
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }

 private:
  static Status NotHere() { return absl::UnimplementedError("a reader of datagrams reads at"); }

  const std::string bytes_;
  std::vector<Range> reads_;
  bool fail_ = false;
  int64_t end_ = INT64_MAX;
};

}  // namespace alkaid::dgram
