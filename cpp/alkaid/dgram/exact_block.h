// Bytes for tests in a block of exactly their size. Not installed.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "alkaid/core/buffer.h"

namespace alkaid::dgram {

// A buffer over a block of exactly so many bytes, so that a sanitizer sees the first step past it:
// Buffer::FromString and pools leave room behind.
struct ExactBlock {
  explicit ExactBlock(const std::string& bytes)
      : block(new uint8_t[bytes.size()]),
        buffer(std::make_shared<Buffer>(block.get(), static_cast<int64_t>(bytes.size()))) {
    std::memcpy(block.get(), bytes.data(), bytes.size());
  }
  std::unique_ptr<uint8_t[]> block;
  std::shared_ptr<Buffer> buffer;
};

}  // namespace alkaid::dgram
