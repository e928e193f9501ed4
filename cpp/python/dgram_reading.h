// Datagrams read from a descriptor, one at a time, as psana's Dgram does.
//
// Threads: with the GIL held, which is let go while a read is under way.
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
  // From there; none: from where the descriptor stands, which goes on.
  std::optional<int64_t> offset;
  // Bytes of the datagram, where they are known; 0: its header says them.
  int64_t size = 0;
  int64_t max_bytes = dgram::kMaxDgramBytes;
};

// A datagram that owns its bytes. Nothing at the end of the file: StopIteration; kDataLoss for a
// partial one. Null after an error.
std::shared_ptr<const dgram::DgramOrigin> ReadDgram(
    const DgramReading& reading, std::shared_ptr<const dgram::Configuration> configuration);

}  // namespace alkaid::python
