// Sources of datagrams with one thing wrong each, and what must become of them.
//
// Made byte by byte, independent of the writers. Not installed.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/buffer.h"

namespace alkaid::dgram {

struct Corruption {
  const char* name;
  std::string bytes;
  // Where readers must refuse it, in bytes from the start; kAccepted: they must not.
  int64_t refused_at;
  // What the refusal says, in part.
  const char* why = "";
  // Faults that a Verifier finds where readers accept: what they agree to overlook.
  int verifier_faults = 0;

  static constexpr int64_t kAccepted = -1;
};

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

std::vector<Corruption> HeaderCorruptions();
std::vector<Corruption> ExtentCorruptions();
std::vector<Corruption> NamesCorruptions();
std::vector<Corruption> ShapesCorruptions();
// All of the above.
std::vector<Corruption> Corruptions();

}  // namespace alkaid::dgram
