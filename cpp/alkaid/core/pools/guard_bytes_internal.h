// Bytes that stand where nobody may write: around a block, and in one that was freed.
//
// The value follows from the address, so that a copy of guarded bytes to another place is seen, and
// so is a run of equal bytes from its second byte on at the latest. All values are from 0x80 to
// 0xbf: no zero, no text of ASCII, no small number, and eight of them are no address.
//
// Ownership: none. Threads: as the bytes. Nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

ALKAID_EXPORT void PlantGuard(uint8_t* begin, const uint8_t* end);

// The first and the last byte of what is not as it was planted; null where all is.
struct BrokenGuard {
  const uint8_t* first = nullptr;
  const uint8_t* last = nullptr;

  explicit operator bool() const { return first != nullptr; }
};
ALKAID_EXPORT BrokenGuard CheckGuard(const uint8_t* begin, const uint8_t* end);

}  // namespace alkaid::internal
