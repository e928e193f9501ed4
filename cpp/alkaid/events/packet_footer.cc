#include "alkaid/events/packet_footer.h"

#include <new>

#include "alkaid/dgram/data_fault.h"

namespace alkaid::events {

Result<PacketFooter> PacketFooter::Parse(const uint8_t* block, int64_t nbytes,
                                         const std::string& source, int64_t offset) try {
  PacketFooter footer;
  if (nbytes == 0) return footer;
  if (nbytes < BytesFor(0)) {
    return dgram::internal::DataFault(source, ": byte ", offset, ": block of ", nbytes,
                                      " bytes, the least footer has ", BytesFor(0));
  }
  const int64_t count_at = nbytes - BytesFor(0);
  footer.count_ = dgram::LoadUnaligned<uint32_t>(block + count_at);
  if (BytesFor(footer.count_) > nbytes) {
    return dgram::internal::DataFault(source, ": byte ", offset + count_at, ": footer of ",
                                      footer.count_, " packets takes ", BytesFor(footer.count_),
                                      " bytes, the block has ", nbytes);
  }
  footer.packets_nbytes_ = nbytes - BytesFor(footer.count_);
  footer.sizes_ = block + footer.packets_nbytes_;
  int64_t sum = 0;
  for (int64_t i = 0; i < footer.count_; ++i) sum += footer.size(i);
  if (sum != footer.packets_nbytes_) {
    return dgram::internal::DataFault(source, ": byte ", offset + footer.packets_nbytes_,
                                      ": footer of ", footer.count_, " packets of ", sum,
                                      " bytes in all, the block has ", footer.packets_nbytes_,
                                      " before the footer");
  }
  return footer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
