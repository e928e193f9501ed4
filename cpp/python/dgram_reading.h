// Datagrams read from a descriptor, one at a time, as psana's Dgram does.
//
// Threads: with the GIL held, which is released during a read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "alkaid/dgram/dgram.h"
#include "stable_python.h"

namespace alkaid::python {

struct DgramReading {
  int file_descriptor = -1;
  // The position to read from; none: the descriptor's own position, which advances.
  std::optional<int64_t> offset;
  // The datagram's size in bytes, if known; 0: read it from the header.
  int64_t size = 0;
  int64_t max_bytes = dgram::kMaxDgramBytes;
};

// A datagram that owns its bytes. At the end of the file null with StopIteration; kDataLoss for a
// partial one. Null after an error.
std::shared_ptr<const dgram::DgramOrigin> ReadDgram(
    const DgramReading& reading, std::shared_ptr<const dgram::Configuration> configuration);

}  // namespace alkaid::python
