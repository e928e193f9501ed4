// Any bytes, as a block of packets, and each packet as a block again, like a batch of events.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "alkaid/events/packet_footer.h"

namespace {

using alkaid::events::PacketFooter;

void Parse(const uint8_t* block, int64_t nbytes, int64_t offset, int levels) {
  const auto footer = PacketFooter::Parse(block, nbytes, "block", offset);
  if (!footer.ok()) return;
  int64_t at = 0;
  for (int64_t i = 0; i < footer->count(); ++i) {
    const int64_t size = footer->size(i);
    if (size < 0 || size > nbytes - at) std::abort();
    if (levels > 0) Parse(block + at, size, offset + at, levels - 1);
    at += size;
  }
  if (at != footer->packets_nbytes()) std::abort();
  if (nbytes > 0 && at + PacketFooter::BytesFor(footer->count()) != nbytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Parse(data, static_cast<int64_t>(size), 0, 3);
  return 0;
}
