// PacketFooter: the number of packets in a block of bytes, and their sizes.
//
//   block   | packet 0 | packet 1 | ... | u32 size 0 | u32 size 1 | ... | u32 count |
//
// The footer ends the block. An event is such a block, of one datagram for each stream (size 0
// where the stream has none); a batch is one, of events. A block of no bytes holds no packets and
// needs no footer.
//
// Ownership: a plain value that borrows the block.
// Threads: free of state. Out of memory: allocates only messages: kResourceExhausted where there is
// no memory for one.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::events {

class ALKAID_EXPORT PacketFooter {
 public:
  // Bytes of a footer of `count` packets.
  static constexpr int64_t BytesFor(int64_t count) { return 4 * (count + 1); }

  PacketFooter() = default;
  // Parses the footer of the `nbytes` at `block`. kDataLoss where the count does not fit into the
  // block, or the sizes do not add up to the bytes before the footer; `source` and `offset` (of the
  // block, in bytes) are for the message.
  static Result<PacketFooter> Parse(const uint8_t* block, int64_t nbytes, const std::string& source,
                                    int64_t offset);

  int64_t count() const { return count_; }
  // Bytes of packet `i` < count().
  int64_t size(int64_t i) const { return dgram::LoadUnaligned<uint32_t>(sizes_ + 4 * i); }
  // Bytes of all packets, without the footer.
  int64_t packets_nbytes() const { return packets_nbytes_; }

 private:
  const uint8_t* sizes_ = nullptr;
  int64_t count_ = 0;
  int64_t packets_nbytes_ = 0;
};

}  // namespace alkaid::events
