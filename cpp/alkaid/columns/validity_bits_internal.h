// ValidityBits: which rows are not null. Allocates memory at the first null.
//
// Ownership: its own, until Finish gives it away. Threads: one. Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_functions.h"

namespace alkaid::columns::internal {

class ValidityBits {
 public:
  // For up to `most_rows`.
  ValidityBits(int64_t most_rows, PoolHandle pool)
      : most_rows_(most_rows), pool_(std::move(pool)) {}

  Status SetNull(int64_t row) {
    if (bits_ == nullptr) [[unlikely]] {
      const int64_t nbytes = (most_rows_ + 7) / 8;
      ALKAID_ASSIGN_OR_RAISE(bits_, AllocateBuffer(nbytes, pool_));
      std::memset(bits_->mutable_data(), 0xff, static_cast<size_t>(nbytes));
    }
    bits_->mutable_data()[row / 8] &= static_cast<uint8_t>(~(1U << (row % 8)));
    ++nulls_;
    return absl::OkStatus();
  }
  int64_t nulls() const { return nulls_; }
  // Null if no row is null.
  std::shared_ptr<Buffer> Finish() { return std::move(bits_); }

 private:
  const int64_t most_rows_;
  const PoolHandle pool_;
  std::unique_ptr<Buffer> bits_;
  int64_t nulls_ = 0;
};

}  // namespace alkaid::columns::internal
